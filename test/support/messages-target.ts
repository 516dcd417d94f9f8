import { DEFAULT_QUIRKS, mergeQuirks, type PartialQuirks } from '../../src/catalogue/quirks.ts';
import { idMinter } from '../../src/core/ids.ts';
import type { Envelope } from '../../src/core/messages.ts';
import { Secret } from '../../src/core/secret.ts';
import type { ModelData, Quirks, Target } from '../../src/core/target.ts';
import { readEnvelope } from '../../src/protocols/anthropic/envelope.ts';
import type { ProtocolContext, Provenance } from '../../src/protocols/protocol.ts';

interface Options {
  readonly provider?: string;
  readonly model?: string | undefined;
  readonly data?: Partial<ModelData>;
  readonly quirks?: PartialQuirks;
}

/** An endpoint that speaks the Messages API and is not Anthropic, with the default quirks and a test's own. */
export function thirdParty(messages: Partial<Quirks['messages']> = {}, options: Options = {}): Target {
  return {
    provider: options.provider ?? 'corp',
    endpoint: {
      protocol: 'anthropic-messages',
      baseUrl: 'https://llm.example/anthropic',
      auth: 'x-api-key',
      local: false,
    },
    model: 'model' in options ? options.model : 'corp-large',
    credential: { kind: 'keys', keys: [new Secret('corp-key-0123456789', 'env:CORP_KEY')] },
    quirks: mergeQuirks(DEFAULT_QUIRKS, options.quirks, { messages }),
    data: {
      contextWindow: undefined,
      maxOutputTokens: undefined,
      vision: undefined,
      thinking: undefined,
      ...options.data,
    },
    patches: [],
    profile: 'corp',
    timeouts: { connectMs: 0, firstByteMs: 0, idleMs: 0 },
  };
}

/** Anthropic itself. */
export function genuine(options: Options = {}): Target {
  return thirdParty(
    { systemRole: 'keep', adaptiveThinking: true, effort: 'yes', outputFormat: true, urlImages: true, documents: true },
    { provider: 'anthropic', model: undefined, ...options, quirks: { ...options.quirks, anthropicGenuine: true } },
  );
}

/** A client's request as the gateway receives it; `body` is merged over a small one, strings are the raw bytes. */
export function envelope(
  body: object | string = {},
  headers: readonly string[] = [],
  path = '/v1/messages?beta=true',
): Envelope {
  const request = { model: 'claude-opus-5', max_tokens: 1000, messages: [{ role: 'user', content: 'hi' }] };
  const text = typeof body === 'string' ? body : JSON.stringify({ ...request, ...body });
  return readEnvelope(Buffer.from(text), path, headers);
}

/** A memory of signatures that can be looked into. */
export class Memory implements Provenance {
  readonly makers = new Map<string, string>();

  constructor(makers: Readonly<Record<string, string>> = {}) {
    for (const [signature, maker] of Object.entries(makers)) this.makers.set(signature, maker);
  }

  isGenuine(signature: string): boolean {
    return this.makers.get(signature) === 'genuine';
  }

  isForeign(signature: string): boolean {
    const maker = this.makers.get(signature);
    return maker !== undefined && maker !== 'genuine';
  }

  makerOf(signature: string): string | undefined {
    const maker = this.makers.get(signature);
    return maker === 'genuine' ? undefined : maker;
  }

  remember(signature: string, provider: string, genuine: boolean): void {
    this.makers.set(signature, genuine ? 'genuine' : provider);
  }
}

/** Ids count up: equal runs give equal bytes. */
export function context(options: Partial<ProtocolContext> = {}): ProtocolContext {
  let count = 0;
  return {
    mintId: idMinter((length) => {
      count += 1;
      return Uint8Array.from({ length }, (_, at) => (count * 31 + at * 17) % 251);
    }),
    provenance: new Memory(),
    withoutThinking: false,
    cacheKey: 'session-1',
    ...options,
  };
}
