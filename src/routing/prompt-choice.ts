import type { Block, Envelope, Message } from '../core/messages.ts';
import type { Snapshot } from '../core/snapshot.ts';

const LONGEST_NAME = 64;
const SIGN = Buffer.from('"@');
const BACKSLASH = 0x5c;
const REMINDER = /^\s*<(system-reminder|command-[a-z]+|local-command-[a-z]+|bash-[a-z]+)>/;

/**
 * The profile or alias that the last prompt of the conversation begins with: `@deepseek why is this slow?`. Only names
 * that the configuration has count, so that the client's own `@path` stays what it is; a name that is also a file in
 * the user's mind is theirs to rename.
 *
 * A body without any such beginning, which is nearly all of them, is not parsed.
 */
export function readPromptChoice(snapshot: Snapshot, envelope: Envelope): string | undefined {
  if (!mayHold(snapshot, envelope)) return undefined;
  const prompt = envelope.body().messages.findLast(isPrompt);
  const word = /^@(\S+)/.exec(typedText(prompt))?.[1];
  return word !== undefined && isName(snapshot, word) ? word : undefined;
}

/** Whether some string of the body begins with the `@` of a name; an escaped quote is inside of a string. */
function mayHold(snapshot: Snapshot, { raw, places }: Envelope): boolean {
  // Where the beginning of a conversation holds no such string, the next request looks behind it.
  const first = raw.indexOf(SIGN, places?.notes.get(mayHold)?.end ?? 0);
  const last = places?.elements.at(-2) ?? 0;
  if (first < 0 || first > last) places?.notes.set(mayHold, { end: last, value: undefined });
  for (let at = first; at >= 0; at = raw.indexOf(SIGN, at + 2)) {
    if (at > 0 && raw[at - 1] === BACKSLASH) continue;
    const word = /^[\w.-]+/.exec(raw.toString('latin1', at + 2, at + 2 + LONGEST_NAME))?.[0];
    if (word !== undefined && isName(snapshot, word)) return true;
  }
  return false;
}

function isName(snapshot: Snapshot, word: string): boolean {
  const name = word.toLowerCase();
  return snapshot.profiles.has(name) || snapshot.aliases.has(name);
}

/** A message in which somebody speaks, not one that only brings the results of tools. */
function isPrompt(message: Message): boolean {
  if (message.role !== 'user') return false;
  return typeof message.content === 'string' || !message.content.some((block) => block.type === 'tool_result');
}

/** What was typed: the client puts reminders and traces of its own commands into blocks beside it. */
function typedText(message: Message | undefined): string {
  const content = message?.content ?? '';
  const texts = typeof content === 'string' ? [content] : content.map(textOf);
  return texts.findLast((text) => text.trim() !== '' && !REMINDER.test(text)) ?? '';
}

function textOf(block: Block): string {
  return block.type === 'text' && typeof block.text === 'string' ? block.text : '';
}
