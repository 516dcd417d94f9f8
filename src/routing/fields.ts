import type { Envelope } from '../core/messages.ts';

/** The value of one top-level key, parsed alone: the rest of the body may be a megabyte. */
export function fieldOf(envelope: Envelope, key: string): unknown {
  const span = envelope.spans.get(key);
  if (!span) return undefined;
  try {
    return JSON.parse(envelope.raw.toString('utf8', span[0], span[1]));
  } catch {
    // Not JSON after all: the whole body says where.
    return envelope.body()[key];
  }
}

/** Whether a top-level list has anything in it, without parsing it. */
export function hasEntries(envelope: Envelope, key: string): boolean {
  const span = envelope.spans.get(key);
  if (!span) return false;
  const [start, end] = span;
  if (envelope.raw[start] !== 0x5b) return false;
  for (let at = start + 1; at < end - 1; at++) if (envelope.raw[at]! > 0x20) return true;
  return false;
}

/** Texts of a `content` or `system` value, in order; anything that is not text is left out. */
export function textsOf(content: unknown): string[] {
  if (typeof content === 'string') return [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((block: unknown) => {
    if (typeof block !== 'object' || block === null) return [];
    const { type, text } = block as { type?: unknown; text?: unknown };
    return type === 'text' && typeof text === 'string' ? [text] : [];
  });
}
