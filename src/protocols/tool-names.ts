import { createHash } from 'node:crypto';

const LEGAL = /^[A-Za-z][A-Za-z0-9_-]*$/;
const HASH_LENGTH = 8;

/**
 * Tool names as an upstream takes them: `[A-Za-z0-9_-]` with a letter first and up to a length, unique, and back again.
 * A legal name stays as it is; any other becomes its readable part with a hash of the whole, so that the mapping is a
 * function of the name and the declared names alone and needs no memory between requests.
 */
export class ToolNames {
  readonly #maxLength: number;
  readonly #upstream = new Map<string, string>();
  readonly #client = new Map<string, string>();

  /** `declared`: every tool of the request, deferred ones too: a hash that meets a real name gives way. */
  constructor(declared: Iterable<string>, maxLength: number) {
    this.#maxLength = maxLength;
    const names = [...new Set(declared)];
    for (const name of names) if (this.#isLegal(name)) this.#link(name, name);
    for (const name of names) if (!this.#upstream.has(name)) this.#link(name, this.#mapped(name));
  }

  /** The name that the upstream sees. Names that were not declared are mapped by the same rule, each for itself. */
  upstream(name: string): string {
    const known = this.#upstream.get(name);
    if (known !== undefined) return known;
    return this.#isLegal(name) && !this.#client.has(name) ? name : this.#mapped(name);
  }

  /** The client's name for what the upstream called; unknown names come back as they are. */
  client(name: string): string {
    return this.#client.get(name) ?? name;
  }

  /** The client knows this name, as it is or mapped. */
  isKnown(name: string): boolean {
    return this.#client.has(name);
  }

  /** One of the upstream's names begins like this. */
  isBeginning(part: string): boolean {
    for (const name of this.#client.keys()) if (name.startsWith(part)) return true;
    return false;
  }

  /** Replaces mapped names inside a text (an upstream's error) by the client's. */
  restore(text: string): string {
    let out = text;
    for (const [mapped, name] of this.#client) if (mapped !== name) out = out.replaceAll(mapped, name);
    return out;
  }

  #isLegal(name: string): boolean {
    return name.length <= this.#maxLength && LEGAL.test(name);
  }

  #mapped(name: string): string {
    const legal = name.replace(/[^A-Za-z0-9_-]+/g, '_');
    const readable = (/^[A-Za-z]/.test(legal) ? legal : `tool_${legal.replace(/^[_-]+/, '')}`).slice(
      0,
      this.#maxLength - HASH_LENGTH - 1,
    );
    for (let round = 0; ; round += 1) {
      const mapped = `${readable}_${hash(round === 0 ? name : `${name}\u0000${round}`)}`;
      if (!this.#client.has(mapped)) return mapped;
    }
  }

  #link(name: string, mapped: string): void {
    this.#upstream.set(name, mapped);
    this.#client.set(mapped, name);
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex').slice(0, HASH_LENGTH);
}
