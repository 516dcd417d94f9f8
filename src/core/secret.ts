import { createHash, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

/** A value that never prints itself: not in strings, JSON, `console.log` or error messages. */
export class Secret {
  readonly #value: string;
  /** Where it came from, for messages: `env:DEEPSEEK_API_KEY`, `keychain:corp`. Never the value. */
  readonly origin: string;

  constructor(value: string, origin: string) {
    this.#value = value;
    this.origin = origin;
  }

  /** The value itself. Call it only where the value is sent. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return `[secret ${this.origin}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** Compares in constant time, whatever the lengths. */
export function sameSecret(given: string, expected: string): boolean {
  return sameDigest(secretDigest(given), secretDigest(expected));
}

/** For a secret that is compared often: 32 bytes that compare as the secret does. */
export function secretDigest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}

export function sameDigest(a: Buffer, b: Buffer): boolean {
  return timingSafeEqual(a, b);
}

/** Headers in which a client may carry a credential: its own login, a token for the gateway, or a key. */
const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'api-key',
  'anthropic-auth-token',
  'proxy-authorization',
  'cookie',
]);

/** Whether a header (lower-case name) is a credential, and so is never copied from a client to an upstream. */
export function isCredentialHeader(lowerName: string): boolean {
  return CREDENTIAL_HEADERS.has(lowerName);
}
