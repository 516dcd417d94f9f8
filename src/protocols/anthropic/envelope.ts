import { isUtf8 } from 'node:buffer';
import { MidswapError } from '../../core/errors.ts';
import { findFault } from '../../core/json-fault.ts';
import { type JsonKind, kindAt, type ListPlaces, type Skim, type Span, skimObject } from '../../core/json-skim.ts';
import type { Envelope, MessagesRequest } from '../../core/messages.ts';
import { BodyMemory } from './body-memory.ts';

/**
 * Looks at a request body without parsing it: where the top-level values are, whether they have the right types, which
 * model is asked for and whether as a stream. `path` is the path behind the session's prefix with its query, `headers`
 * the raw header list. `memory` makes it cheap for the next body of a conversation; the result is the same.
 *
 * Throws `invalid_json` with line, column and path of the fault, or `invalid_request` with the path of the field. What
 * is inside `messages` is looked at only by `body()` and `validateMessages`.
 */
export function readEnvelope(raw: Buffer, path: string, headers: readonly string[], memory = NO_MEMORY): Envelope {
  const found = memory.skim(raw);
  if (found !== undefined) return checked(raw, found, path, headers);
  const plain = plainly(raw);
  return checked(plain.raw, plain.skim, path, headers);
}

const NO_MEMORY = new BodyMemory(0);

function checked(raw: Buffer, skim: Skim, path: string, headers: readonly string[]): Envelope {
  checkFields(raw, skim.spans);
  return new RequestEnvelope(raw, skim, path, headers);
}

/**
 * The request with another `model`, as `[before, model, after]`: nothing else is touched or copied. With `undefined` or
 * the same name the received bytes go out as they are.
 */
export function spliceModel(env: Envelope, model: string | undefined): Buffer[] {
  const span = env.spans.get('model');
  if (model === undefined || model === env.model || span === undefined) return [env.raw];
  return [env.raw.subarray(0, span[0]), Buffer.from(JSON.stringify(model), 'utf8'), env.raw.subarray(span[1])];
}

class RequestEnvelope implements Envelope {
  readonly raw: Buffer;
  readonly spans: ReadonlyMap<string, Span>;
  readonly places: ListPlaces | undefined;
  readonly model: string;
  readonly stream: boolean;
  readonly path: string;
  readonly headers: readonly string[];
  #body: MessagesRequest | undefined;

  constructor(raw: Buffer, { spans, places }: Skim, path: string, headers: readonly string[]) {
    this.raw = raw;
    this.spans = spans;
    this.places = places;
    this.path = path;
    this.headers = headers;
    this.model = stringAt(raw, spans.get('model')) ?? '';
    const stream = spans.get('stream');
    this.stream = stream !== undefined && raw[stream[0]] === 0x74;
  }

  body(): MessagesRequest {
    this.#body ??= frozen(parseSkimmed(this.raw));
    return this.#body;
  }
}

/** A body that is not plain enough to be cut, although it is JSON: keys with escapes or twice. The first are written
 * plainly. */
function plainly(raw: Buffer): { raw: Buffer; skim: Skim } {
  if (!isUtf8(raw)) throw new MidswapError('invalid_json', 'the request body is not valid UTF-8');
  if (raw.length === 0) throw new MidswapError('invalid_json', 'the request has no body');
  const value = parse(raw);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MidswapError('invalid_request', 'the request body must be a JSON object');
  }
  const plain = Buffer.from(JSON.stringify(value), 'utf8');
  const spans = skimObject(plain);
  if (spans === undefined || spans.size !== keysOf(raw)) {
    throw new MidswapError('invalid_request', 'the request body has a top-level key twice, or one that no field has');
  }
  return { raw: plain, skim: { spans, places: undefined } };
}

/** How many keys the object has at its top level, repetitions counted. */
function keysOf(raw: Buffer): number {
  let keys = 0;
  let depth = 0;
  for (let at = 0; at < raw.length; at += 1) {
    const byte = raw[at];
    if (byte === 0x22) {
      at += 1;
      while (raw[at] !== 0x22) at += raw[at] === 0x5c ? 2 : 1;
    } else if (byte === 0x7b || byte === 0x5b) depth += 1;
    else if (byte === 0x7d || byte === 0x5d) depth -= 1;
    else if (byte === 0x3a && depth === 1) keys += 1;
  }
  return keys;
}

/** Nesting that a recursive reader would die of is found before one is called. */
function parse(raw: Buffer): MessagesRequest {
  if (findFault(raw) !== undefined) throw invalidJson(raw, undefined);
  return parseSkimmed(raw);
}

/** The skim has looked at the nesting of what it took. */
function parseSkimmed(raw: Buffer): MessagesRequest {
  try {
    return JSON.parse(raw.toString('utf8')) as MessagesRequest;
  } catch (cause) {
    throw invalidJson(raw, cause);
  }
}

function invalidJson(raw: Buffer, cause: unknown): MidswapError {
  const fault = findFault(raw);
  const where =
    fault === undefined ? '' : `, line ${fault.line} column ${fault.column}${fault.path && ` (${fault.path})`}`;
  return new MidswapError(
    'invalid_json',
    `the request body is not valid JSON: ${fault?.reason ?? 'unreadable'}${where}`,
    {
      cause,
    },
  );
}

/** Freezes what a careless edit would hit first: the request, its lists and its messages. */
function frozen(body: MessagesRequest): MessagesRequest {
  for (const value of Object.values(body)) if (Array.isArray(value)) Object.freeze(value);
  for (const message of body.messages) if (typeof message === 'object' && message !== null) Object.freeze(message);
  return Object.freeze(body);
}

type Check = (raw: Buffer, span: Span, kind: JsonKind) => string | undefined;

const ofKind =
  (...kinds: JsonKind[]): Check =>
  (_raw, _span, kind) =>
    kinds.includes(kind)
      ? undefined
      : `must be ${article(kinds[0] ?? '')}${kinds
          .slice(1)
          .map((kind) => ` or ${article(kind)}`)
          .join('')}`;

/** Types of the fields that the gateway or every upstream relies on. `null` is left to the upstream, except here. */
const FIELDS: ReadonlyMap<string, Check> = new Map(
  Object.entries<Check>({
    model: (raw, span) => (stringAt(raw, span) ? undefined : 'must be a string that is not empty'),
    messages: ofKind('array'),
    stream: ofKind('boolean'),
    max_tokens: (raw, [start, end]) =>
      isCount(raw.toString('latin1', start, Math.min(end, start + 32)))
        ? undefined
        : 'must be a whole number of at least 1',
    system: ofKind('string', 'array'),
    tools: ofKind('array'),
    tool_choice: ofKind('object'),
    thinking: ofKind('object'),
    output_config: ofKind('object'),
    metadata: ofKind('object'),
    stop_sequences: ofKind('array'),
    temperature: ofKind('number'),
    top_p: ofKind('number'),
    top_k: ofKind('number'),
  }),
);
/** `1e2` is a whole number too; `"100"` is not. */
function isCount(text: string): boolean {
  return /^[0-9]/.test(text) && Number.isSafeInteger(Number(text)) && Number(text) >= 1;
}

const NEVER_NULL = new Set(['model', 'messages', 'stream', 'max_tokens']);

function checkFields(raw: Buffer, spans: ReadonlyMap<string, Span>): void {
  if (!spans.has('model')) throw invalidField('model', 'is required');
  if (!spans.has('messages')) throw invalidField('messages', 'is required');
  for (const [name, span] of spans) {
    const check = FIELDS.get(name);
    if (check === undefined) continue;
    const kind = kindAt(raw, span);
    if (kind === 'null' && !NEVER_NULL.has(name)) continue;
    const reason = check(raw, span, kind);
    if (reason !== undefined) throw invalidField(name, reason);
  }
}

/** Throws `invalid_request` with the path of the first message, block or tool that is not what it must be. For those
 * who translate: an untouched request is left to the upstream, which knows its own rules better. */
export function validateMessages(body: MessagesRequest): void {
  for (const [at, message] of (body.messages as readonly unknown[]).entries()) {
    const where = `messages[${at}]`;
    if (!isRecord(message)) throw invalidField(where, 'must be an object');
    if (typeof message.role !== 'string') throw invalidField(`${where}.role`, 'must be a string');
    if (!['user', 'assistant', 'system'].includes(message.role)) {
      throw invalidField(`${where}.role`, 'must be "user", "assistant" or "system"');
    }
    validateContent(message.content, `${where}.content`);
  }
  if (Array.isArray(body.system)) validateContent(body.system, 'system');
  for (const [at, tool] of ((body.tools ?? []) as readonly unknown[]).entries()) {
    if (!isRecord(tool)) throw invalidField(`tools[${at}]`, 'must be an object');
    if (typeof tool.name !== 'string' && typeof tool.type !== 'string')
      throw invalidField(`tools[${at}].name`, 'is required');
  }
}

const REQUIRED_FIELDS: Readonly<Record<string, readonly string[]>> = {
  text: ['text'],
  thinking: ['thinking'],
  tool_use: ['id', 'name'],
  tool_result: ['tool_use_id'],
};

function validateContent(content: unknown, where: string): void {
  if (typeof content === 'string') return;
  if (!Array.isArray(content)) throw invalidField(where, 'must be a string or an array of blocks');
  for (const [at, block] of (content as unknown[]).entries()) {
    if (!isRecord(block)) throw invalidField(`${where}[${at}]`, 'must be an object');
    if (typeof block.type !== 'string') throw invalidField(`${where}[${at}].type`, 'must be a string');
    for (const field of REQUIRED_FIELDS[block.type] ?? []) {
      if (typeof block[field] !== 'string') throw invalidField(`${where}[${at}].${field}`, 'must be a string');
    }
    if ((block.type === 'image' || block.type === 'document') && !isRecord(block.source)) {
      throw invalidField(`${where}[${at}].source`, 'must be an object');
    }
  }
}

function invalidField(where: string, reason: string): MidswapError {
  return new MidswapError('invalid_request', `${where}: ${reason}`);
}

/** The string at a span; `undefined` when there is none or it is not valid. */
function stringAt(raw: Buffer, span: Span | undefined): string | undefined {
  if (span === undefined || kindAt(raw, span) !== 'string') return undefined;
  const text = raw.toString('utf8', span[0] + 1, span[1] - 1);
  // The skim has looked at its characters; only escapes are left to the parser.
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function article(kind: string): string {
  return `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`;
}
