import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../core/secret.ts';
import { PLACEHOLDER_TOKEN } from '../core/session.ts';
import type { Credential, Target } from '../core/target.ts';
import { credentialHeaders, withCredential } from './credential.ts';

const LOGIN = 'sk-ant-oat01-a-real-login';
const GATEWAY_TOKEN = 'gateway-token';
const isToken = (value: string) => value === GATEWAY_TOKEN;

function target(
  credential: Credential,
  options: { accepts?: boolean; baseUrl?: string; auth?: 'bearer' | 'x-api-key' | 'api-key' } = {},
): Target {
  return {
    provider: 'somebody',
    profile: 'somebody',
    model: undefined,
    credential,
    endpoint: {
      protocol: 'anthropic-messages',
      baseUrl: options.baseUrl ?? 'https://api.example.com',
      auth: options.auth ?? 'x-api-key',
      local: false,
    },
    quirks: { acceptsClientLogin: options.accepts ?? false } as Target['quirks'],
    data: { contextWindow: undefined, maxOutputTokens: undefined, vision: undefined, thinking: undefined },
    patches: [],
    timeouts: { connectMs: 0, firstByteMs: 0, idleMs: 0 },
  };
}

const keys: Credential = { kind: 'keys', keys: [new Secret('the-key', 'env:KEY')] };
const headersOf = (result: ReturnType<typeof credentialHeaders>) =>
  'headers' in result ? result.headers : result.fault.class;

describe("the client's own login", () => {
  const login = ['Authorization', `Bearer ${LOGIN}`];

  it('goes, as it was sent, to an endpoint that is declared for it', () => {
    expect(headersOf(credentialHeaders(target({ kind: 'client' }, { accepts: true }), login, isToken))).toEqual(login);
  });

  it.each([
    ['the provider is not declared for it', target({ kind: 'client' }), login],
    ['the transport is open', target({ kind: 'client' }, { accepts: true, baseUrl: 'http://api.example.com' }), login],
    ['it is a token of this gateway', target({ kind: 'client' }, { accepts: true }), ['x-api-key', GATEWAY_TOKEN]],
    [
      'it is the placeholder',
      target({ kind: 'client' }, { accepts: true }),
      ['authorization', `Bearer ${PLACEHOLDER_TOKEN}`],
    ],
    ['it is blank', target({ kind: 'client' }, { accepts: true }), ['authorization', 'Bearer ']],
    ['there is none', target({ kind: 'client' }, { accepts: true }), ['content-type', 'application/json']],
  ])('is not sent when %s', (_why, to, headers) => {
    expect(headersOf(credentialHeaders(to, headers, isToken))).toBe('credential');
  });

  it('never reaches a target that has keys or none, whatever the headers are called', () => {
    const name = fc.constantFrom(
      'authorization',
      'Authorization',
      'X-API-KEY',
      'x-api-key',
      'cookie',
      'anthropic-auth-token',
    );
    fc.assert(
      fc.property(
        fc.array(name, { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        fc.boolean(),
        (names, withKeys, accepts) => {
          const headers = names.flatMap((header) => [header, `Bearer ${LOGIN}`]);
          const to = target(withKeys ? keys : { kind: 'none' }, { accepts });
          expect(JSON.stringify(credentialHeaders(to, headers, isToken))).not.toContain(LOGIN);
        },
      ),
    );
  });
});

describe('a key', () => {
  it.each([
    ['x-api-key', ['x-api-key', 'the-key']],
    ['bearer', ['authorization', 'Bearer the-key']],
    ['api-key', ['api-key', 'the-key']],
  ] as const)('goes out in exactly one header, as the endpoint wants it: %s', (auth, expected) => {
    expect(headersOf(credentialHeaders(target(keys, { auth }), ['authorization', `Bearer ${LOGIN}`], isToken))).toEqual(
      expected,
    );
  });

  it('prints nowhere', () => {
    expect(`${JSON.stringify(target(keys))}${String(keys.kind === 'keys' && keys.keys[0])}`).not.toContain('the-key');
  });
});

it('a credential that a protocol let through is taken out before the own one is put in', () => {
  const headers = ['Accept', '*/*', 'Authorization', `Bearer ${LOGIN}`, 'COOKIE', 'a=b', 'x-api-key', LOGIN];
  expect(withCredential(headers, ['x-api-key', 'own'])).toEqual(['Accept', '*/*', 'x-api-key', 'own']);
});
