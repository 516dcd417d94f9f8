import { isExactNumber } from './exact-numbers.ts';

/**
 * JSON text that every parser takes. `JSON.stringify` writes a lone surrogate as an escape that strict decoders refuse
 * ("no low surrogate in string"), and one in a tool result would spoil every later request of the conversation.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  // A search for plain text is several times faster than an expression, and nearly always enough.
  return text.includes('\\ud') && LONE_SURROGATE.test(text) ? JSON.stringify(wellFormed(value)) : text;
}

/** May also be a backslash and `ud800` that somebody typed: then the slow way changes nothing. */
const LONE_SURROGATE = /\\ud[89a-f]/;

function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key.toWellFormed(), wellFormed(each)]));
}
