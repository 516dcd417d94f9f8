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
  return timingSafeEqual(digest(given), digest(expected));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
