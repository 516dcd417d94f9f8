/**
 * Signatures of thinking blocks: the gateway's own carrier, and what an Anthropic signature looks like.
 *
 * The own carrier marks thinking that was translated from another protocol. The client stores a signature byte for byte
 * and sends it back, so it is also where data lives that the provider wants to see again (encrypted reasoning details,
 * thought signatures of tool calls): no state of the gateway is needed, and a restart loses nothing.
 */

const MARK = 'midswap.';
const VERSION = '1';

export interface OwnSignature {
  /** Provider that made the thinking; `undefined` in a carrier of another version. */
  readonly provider: string | undefined;
  /** What was given to `encodeOwnSignature`; `undefined` when nothing was or the carrier is damaged. */
  readonly payload: unknown;
}

/** `midswap.1.<provider>.<payload>`, the parts in base64url: only characters that every client and API lets through. */
export function encodeOwnSignature(provider: string, payload?: unknown): string {
  const head = `${MARK}${VERSION}.${Buffer.from(provider, 'utf8').toString('base64url')}`;
  if (payload === undefined) return head;
  return `${head}.${Buffer.from(JSON.stringify(payload), 'utf8').toString('base64url')}`;
}

/** The content of an own signature, whatever its version; `undefined` for every other signature. Never throws. */
export function decodeOwnSignature(signature: unknown): OwnSignature | undefined {
  if (!isOwnSignature(signature)) return undefined;
  const [, version, provider, payload] = signature.split('.');
  if (version !== VERSION || provider === undefined) return { provider: undefined, payload: undefined };
  return {
    provider: Buffer.from(provider, 'base64url').toString('utf8'),
    payload: payload === undefined ? undefined : parsed(payload),
  };
}

export function isOwnSignature(signature: unknown): signature is string {
  return typeof signature === 'string' && signature.startsWith(MARK);
}

function parsed(payload: string): unknown {
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
/** A real envelope holds at least a key id and a cipher text; a word that happens to be base64 does not. */
const SMALLEST_FIELD = 16;

/**
 * Whether a signature can be one of Anthropic's: standard base64 of a protobuf message that parses to its last byte and
 * holds at least one field of bytes. Judged by structure, never by length: other providers send UUIDs, time stamps,
 * `gAAAA...` tokens or nothing. A structural yes is no proof of origin; provenance goes first where it knows.
 */
export function looksLikeAnthropicSignature(signature: string): boolean {
  if (signature.length % 4 !== 0 || !BASE64.test(signature)) return false;
  const bytes = Buffer.from(signature, 'base64');
  let at = 0;
  let longest = 0;
  while (at < bytes.length) {
    const tag = varint(bytes, at);
    if (tag === undefined || tag.value >> 3 === 0 || tag.value >> 3 > 1000) return false;
    at = tag.next;
    switch (tag.value & 7) {
      case 0: {
        const value = varint(bytes, at);
        if (value === undefined) return false;
        at = value.next;
        break;
      }
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint(bytes, at);
        if (length === undefined) return false;
        at = length.next + length.value;
        longest = Math.max(longest, length.value);
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        return false;
    }
  }
  return at === bytes.length && longest >= SMALLEST_FIELD;
}

function varint(bytes: Buffer, from: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let at = from, factor = 1; at < bytes.length && at < from + 10; at += 1, factor *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return { value, next: at + 1 };
  }
  return undefined;
}
