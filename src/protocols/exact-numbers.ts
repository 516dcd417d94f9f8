import type { Message } from '../core/messages.ts';
import { elementSpans } from './json-list.ts';

/** Numbers that come back from a parser in another form: `1.0`, `1e3`, more digits than a double holds. */
const FRAGILE = /[:,[]\s*-?(?:\d{16,}|\d+\.\d*|\d+[eE])/;

/** `JSON.rawJSON` and the source text of a reviver: https://github.com/tc39/proposal-json-parse-with-source */
interface ExactJson {
  parse(text: string, revive: (key: string, value: unknown, context: { source?: string }) => unknown): unknown;
  rawJSON(text: string): object;
  isRawJSON(value: unknown): boolean;
}

const EXACT = JSON as unknown as ExactJson;

/** Numbers that a double changes: more digits than it holds, or an exponent that may be beyond it. */
const INEXACT = /[:,[]\s*-?(?:\d[\d.]{15,}|[\d.]+[eE])/;

/** JSON whose numbers are written again as they came, where that would not be so by itself. */
export function parseExact(text: string): unknown {
  return INEXACT.test(text) ? EXACT.parse(text, keepSource) : JSON.parse(text);
}

function keepSource(_key: string, value: unknown, { source }: { source?: string }): unknown {
  return typeof value === 'number' && source !== undefined && source !== String(value) ? EXACT.rawJSON(source) : value;
}

export function isExactNumber(value: unknown): boolean {
  return EXACT.isRawJSON(value);
}

/**
 * Restores the numbers in the inputs of calls as the model wrote them: an id of twenty digits must not come back as
 * another one. `bytes`: the list of messages; `from`: where the first of `messages` starts in it.
 */
export function keepNumbers(messages: readonly Message[], bytes: Buffer, from: number): void {
  const concerned = messages.flatMap((message, index) => (inputsWithNumbers(message).length > 0 ? [index] : []));
  if (concerned.length === 0) return;
  const spans = elementSpans(bytes, from);
  if (spans === undefined) return;
  for (const index of concerned) {
    const span = spans[index];
    const message = messages[index];
    if (span === undefined || message === undefined) continue;
    const text = bytes.toString('utf8', span[0], span[1]);
    if (!FRAGILE.test(text)) continue;
    const exact = EXACT.parse(text, keepSource) as Message;
    for (const at of inputsWithNumbers(message)) copyInput(exact, message, at);
  }
}

function copyInput(from: Message, to: Message, at: number): void {
  const source = Array.isArray(from.content) ? from.content[at] : undefined;
  const block = Array.isArray(to.content) ? to.content[at] : undefined;
  if (source !== undefined && block !== undefined) block.input = source.input;
}

/** Positions of the calls of a message whose input is an object with a number in it. */
function inputsWithNumbers(message: unknown): number[] {
  if (!isRecord(message) || !Array.isArray(message.content)) return [];
  return message.content.flatMap((block: unknown, at) =>
    isRecord(block) && block.type === 'tool_use' && isRecord(block.input) && hasNumber(block.input) ? [at] : [],
  );
}

function hasNumber(value: unknown): boolean {
  if (typeof value === 'number') return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some(hasNumber);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
