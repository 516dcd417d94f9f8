import type { Block, Message, MessagesRequest, Tool } from '../src/core/messages.ts';

export interface BodyShape {
  readonly model: string;
  /** Size of the JSON text in bytes, exactly; at least `SMALLEST_BODY_BYTES`. */
  readonly bytes: number;
  readonly stream: boolean;
  /** Equal seeds give equal bytes. */
  readonly seed: number;
}

export const SMALLEST_BODY_BYTES = 1_900;

/** From here on a body has the client's tool definitions and a history of tool calls. */
const WITH_HISTORY_BYTES = 64_000;

const WORDS =
  'gateway request session stream token the a model answer to with retry and buffer event parse when header of provider not switch file in tool call result from is error then value'.split(
    ' ',
  );
const TOOL_NAMES =
  'Agent Bash Edit Glob Grep LS NotebookEdit Read Skill TodoWrite ToolSearch WebFetch WebSearch Write mcp__tracker__create_issue mcp__tracker__search mcp__database__query mcp__database__schema mcp__browser__open mcp__browser__click mcp__files__stat mcp__chat__post'.split(
    ' ',
  );

type Random = () => number;

/** A request body in the shape of Claude Code's: attribution, identity and prompt as system blocks, tools with JSON
 * schemas, a history of file reads, the key order of the client with `stream` last. */
export function makeBody(shape: BodyShape): Buffer {
  return Buffer.from(JSON.stringify(makeRequest(shape)));
}

/**
 * The bodies of one conversation: the first of `shape.bytes`, each next one with one more tool call and its result of
 * about `turnBytes`. The cache mark moves to the newest message, as the client moves it.
 */
export function makeTurns(shape: BodyShape, count: number, turnBytes: number): Buffer[] {
  const request = makeRequest(shape);
  const random = randomFrom(shape.seed + 1);
  const bodies: Buffer[] = [];
  for (let turn = 0; turn < count; turn++) {
    if (turn > 0) request.messages.push(...makeExchange(random, `t${turn}`, turnBytes));
    markNewest(request.messages);
    bodies.push(Buffer.from(JSON.stringify(request)));
  }
  return bodies;
}

function makeRequest(shape: BodyShape): MessagesRequest {
  const random = randomFrom(shape.seed);
  const large = shape.bytes >= WITH_HISTORY_BYTES;
  const messages: Message[] = [
    {
      role: 'user',
      content: [
        { type: 'text', text: `<system-reminder>\n${makeProse(random, 150)}\n</system-reminder>` },
        { type: 'text', text: makeProse(random, 120) },
      ],
    },
  ];
  const request: MessagesRequest = {
    model: shape.model,
    messages,
    system: [
      { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.329; cc_entrypoint=cli;' },
      { type: 'text', text: 'You are a coding agent in a terminal.', cache_control: { type: 'ephemeral' } },
      { type: 'text', text: makeProse(random, large ? 14_000 : 200), cache_control: { type: 'ephemeral' } },
    ],
    tools: TOOL_NAMES.slice(0, large ? TOOL_NAMES.length : 1).map((name) => makeTool(random, name, large ? 900 : 40)),
    metadata: { user_id: '{"device_id":"bench","session_id":"00000000-0000-4000-8000-000000000000"}' },
    max_tokens: 32_000,
    stream: shape.stream,
  };
  if (large) {
    for (let n = 0; ; n++) {
      const left = shape.bytes - sizeOf(request);
      if (left < 6_000) break;
      messages.push(...makeExchange(random, String(n), Math.min(3_000 + Math.floor(random() * 6_000), left - 1_000)));
    }
  }
  markNewest(messages);
  fillTo(shape.bytes, request);
  return request;
}

/** Makes the body exactly as long as it was asked for, in the newest text. */
function fillTo(bytes: number, request: MessagesRequest): void {
  const missing = bytes - sizeOf(request);
  if (missing < 0) throw new RangeError(`a body of ${bytes} bytes was asked for, the least is ${bytes - missing}`);
  const block = newestBlock(request.messages);
  if (typeof block.text === 'string') block.text += '.'.repeat(missing);
  else block.content = `${block.content}${'.'.repeat(missing)}`;
}

function makeTool(random: Random, name: string, descriptionBytes: number): Tool {
  return {
    name,
    description: makeProse(random, descriptionBytes),
    input_schema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: {
        path: { type: 'string', description: makeProse(random, descriptionBytes / 8) },
        limit: { type: 'integer', minimum: 1, description: makeProse(random, descriptionBytes / 12) },
        kind: { type: 'string', enum: ['content', 'names', 'count'] },
        edits: {
          type: 'array',
          items: {
            type: 'object',
            properties: { before: { type: 'string' }, after: { type: 'string' }, all: { type: 'boolean' } },
            required: ['before', 'after'],
          },
        },
      },
      required: ['path'],
      additionalProperties: false,
    },
  };
}

/** A tool call with its result: a file that was read, about `bytes` long as JSON. */
function makeExchange(random: Random, label: string, bytes: number): [Message, Message] {
  const id = `toolu_bench_${label}`;
  return [
    {
      role: 'assistant',
      content: [
        { type: 'text', text: makeProse(random, 120) },
        { type: 'tool_use', id, name: 'Read', input: { path: `/project/src/part-${label}.ts`, limit: 400 } },
      ],
    },
    {
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: id, content: makeCode(random, bytes - 500) }],
    },
  ];
}

function newestBlock(messages: readonly Message[]): Block {
  const content = messages.at(-1)?.content;
  const block = Array.isArray(content) ? content.at(-1) : undefined;
  if (!block) throw new Error('a body without a newest block');
  return block;
}

function markNewest(messages: readonly Message[]): void {
  for (const { content } of messages)
    if (Array.isArray(content)) for (const block of content) delete block.cache_control;
  newestBlock(messages).cache_control = { type: 'ephemeral' };
}

function makeProse(random: Random, bytes: number): string {
  let text = '';
  while (text.length < bytes) text += `${pick(random, WORDS)}${random() < 0.08 ? '.\n' : ' '}`;
  return text.slice(0, bytes);
}

/** Numbered lines with quotes, tabs, backslashes and characters outside ASCII: what JSON has to escape. */
function makeCode(random: Random, jsonBytes: number): string {
  let text = '';
  let size = 0;
  for (let line = 1; size < jsonBytes; line++) {
    const comment =
      random() < 0.1 ? '// größer als nötig → später' : `// ${pick(random, WORDS)} ${pick(random, WORDS)}`;
    const code = `${line}\t  const ${pick(random, WORDS)}${line} = read("${pick(random, WORDS)}\\n", { limit: ${Math.floor(random() * 1e6)} }); ${comment}\n`;
    text += code;
    size += Buffer.byteLength(JSON.stringify(code)) - 2;
  }
  return text;
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function pick(random: Random, words: readonly string[]): string {
  return words[Math.floor(random() * words.length)] ?? '';
}

/** Xorshift: repeatable on every machine. */
function randomFrom(seed: number): Random {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
