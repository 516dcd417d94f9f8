import type { Envelope, Message } from '../core/messages.ts';
import { fieldOf, hasEntries, textsOf } from './fields.ts';

/**
 * By what Claude Code's requests are known from their bodies. All of it was seen on the wire of 2.1.329 and changes with
 * the client, so it is kept in this one file. Where a hint header says the same, the header is believed.
 */

/** Start of the block that the client puts before its system prompt. */
const ATTRIBUTION = 'x-anthropic-billing-header:';
/** Start of the system prompt of auto mode's classifier. */
const CLASSIFIER_PROMPT = /^\s*You are a security monitor\b/;
/** What its first stage stops at; the second stage stops at nothing. */
const CLASSIFIER_STOPS = new Set(['</block>', '</severity>']);
/** What it is asked to judge. */
const CLASSIFIER_INPUT = /^\s*<transcript>/;
/** Words of the request for a summary, which is the last text of a compaction. */
const COMPACTION_START = /^\s*(?:CRITICAL: Respond with TEXT ONLY|Your task is to create a detailed summary)/;
const COMPACTION_WORDS = 'Your task is to create a detailed summary of';
/** The same and others as bytes: a text to search for would be encoded every time. */
const COMPACTION_BYTES = Buffer.from(COMPACTION_WORDS);
const WEB_SEARCH = Buffer.from('"web_search');
const SUBAGENT = 'cc_is_subagent=true';
const SUBAGENT_BYTES = Buffer.from(SUBAGENT);
/** The request for a summary is about 6 kB long. */
const COMPACTION_TAIL_BYTES = 32 * 1024;

/** `/model NAME` of an unlisted name: one token on "Hi", not streamed. */
export function isModelProbe(envelope: Envelope): boolean {
  return isProbe(envelope, 'Hi');
}

/** The client's look at its limits when it starts: one token on "quota", not streamed. */
export function isQuotaProbe(envelope: Envelope): boolean {
  return isProbe(envelope, 'quota');
}

/**
 * Auto mode's classifier, which decides whether an action is allowed. Any of its marks is enough: to take it for a
 * small job and to give it to a small model would be a hole.
 */
export function isClassifier(envelope: Envelope): boolean {
  if (envelope.stream || hasEntries(envelope, 'tools')) return false;
  const stops = fieldOf(envelope, 'stop_sequences');
  if (Array.isArray(stops) && stops.some((stop) => CLASSIFIER_STOPS.has(stop))) return true;
  if (systemTexts(envelope).some((text) => CLASSIFIER_PROMPT.test(text))) return true;
  const first = messagesOf(envelope)[0];
  return first !== undefined && textsOf(first.content).some((text) => CLASSIFIER_INPUT.test(text));
}

/** The request in which one web search is run: its only tool is a server tool. */
export function isWebSearch(envelope: Envelope): boolean {
  const span = envelope.spans.get('tools');
  if (!span || envelope.raw.subarray(span[0], span[1]).indexOf(WEB_SEARCH) === -1) return false;
  const tools = fieldOf(envelope, 'tools');
  if (!Array.isArray(tools) || tools.length === 0) return false;
  return tools.every((tool: unknown) => {
    const type = typeof tool === 'object' && tool !== null ? (tool as { type?: unknown }).type : undefined;
    return typeof type === 'string' && type.startsWith('web_search');
  });
}

/** A request to summarise the conversation. The end of the messages is searched before anything is parsed. */
export function isCompaction(envelope: Envelope): boolean {
  const span = envelope.spans.get('messages');
  if (!span) return false;
  const tail = envelope.raw.subarray(Math.max(span[0], span[1] - COMPACTION_TAIL_BYTES), span[1]);
  if (tail.indexOf(COMPACTION_BYTES) === -1) return false;
  const last = messagesOf(envelope).findLast((message) => message.role === 'user');
  const text = textsOf(last?.content).at(-1);
  return text !== undefined && COMPACTION_START.test(text) && text.includes(COMPACTION_WORDS);
}

/** The attribution block names subagents; no header does so without hint headers in older clients. */
export function saysSubagent(envelope: Envelope): boolean {
  const span = envelope.spans.get('system');
  if (!span || envelope.raw.subarray(span[0], span[1]).indexOf(SUBAGENT_BYTES) === -1) return false;
  const [attribution] = textsOf(fieldOf(envelope, 'system'));
  return attribution?.startsWith(ATTRIBUTION) === true && attribution.includes(SUBAGENT);
}

function isProbe(envelope: Envelope, word: string): boolean {
  if (envelope.stream || fieldOf(envelope, 'max_tokens') !== 1) return false;
  const [only, second] = messagesOf(envelope);
  if (!only || second || only.role !== 'user') return false;
  const texts = textsOf(only.content);
  return texts.length === 1 && texts[0] === word;
}

function systemTexts(envelope: Envelope): string[] {
  return textsOf(fieldOf(envelope, 'system')).filter((text) => !text.startsWith(ATTRIBUTION));
}

function messagesOf(envelope: Envelope): Message[] {
  const messages: unknown = envelope.body().messages;
  if (!Array.isArray(messages)) return [];
  return messages.filter((message): message is Message => typeof message === 'object' && message !== null);
}
