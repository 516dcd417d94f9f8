import type { Message } from '../core/messages.ts';

/** Numbers that come back from a parser in another form: `1.0`, `1e3`, `-0`, more digits than a double holds. */
const FRAGILE = /[:,[]\s*(?:-0|-?(?:\d{16,}|\d+\.\d*|\d+[eE]))/;

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
 * another one. `json`: what the messages were parsed from; `textOf`: one of them as it was received, by its position.
 */
export function keepNumbers(messages: readonly Message[], json: string, textOf: (index: number) => string | undefined) {
  if (!FRAGILE.test(json)) return;
  messages.forEach((message, index) => {
    const inputs = inputsWithNumbers(message);
    const text = inputs.length === 0 ? undefined : textOf(index);
    if (text === undefined || !FRAGILE.test(text)) return;
    const exact = EXACT.parse(text, keepSource) as Message;
    for (const at of inputs) copyInput(exact, message, at);
  });
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
