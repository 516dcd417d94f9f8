/**
 * Writes a language model that says what a table tells it to, for real model servers to load.
 *
 * A model of the llama architecture whose attention and feed-forward weights are zero is a Markov chain: what leaves
 * its only block is the embedding of the current token, and the output matrix picks the next token by that alone. Each
 * token that is said has a dimension of its own in the embedding, all others share the first one, after which the
 * answer ends. So the answer is decided here, and everything around it is the server's own: tokenizer, chat template,
 * sampler, context window, counting.
 *
 * The file is GGUF version 3: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. All tensors are F32.
 */

/** One answer of the model. Every piece is one token, and no piece may occur twice in a model: it stands for its place. */
export interface TinyAnswer {
  /** The answer is given when the last message of the conversation contains this; '' is contained in every one. */
  readonly cue: string;
  readonly pieces: readonly string[];
  /** Begins again after the last piece instead of ending, until somebody stops it. */
  readonly endless?: boolean;
}

export interface TinyModel {
  readonly name: string;
  /** The length it claims to have been trained for: servers bound their context by it. */
  readonly contextTokens: number;
  /** The first whose cue fits is given. The last one's cue should be ''. */
  readonly answers: readonly TinyAnswer[];
}

const TOKEN_TYPE = { normal: 1, unknown: 2, control: 3, byte: 6 } as const;
const TURN_END = '<|end|>';
/** How SentencePiece vocabularies write a space. */
const SPACE = '\u2581';
const FIRST_TOKENS = [
  { text: '<unk>', type: TOKEN_TYPE.unknown },
  { text: '<s>', type: TOKEN_TYPE.control },
  { text: TURN_END, type: TOKEN_TYPE.control },
  ...['system', 'user', 'assistant', 'tool'].map((role) => ({ text: roleToken(role), type: TOKEN_TYPE.control })),
];
const END_TOKEN = 2;
/** Heads this small keep attention over the longest prompts of a coding agent cheap; it computes nothing anyway. */
const HEAD_LENGTH = 8;
const FEED_FORWARD_LENGTH = 32;
/** High enough to leave every other token without a chance, whatever temperature a client asks for. */
const CERTAIN = 30;

/** The bytes of the file. The same table gives the same bytes. */
export function writeTinyModel(model: TinyModel): Uint8Array {
  const vocabulary = buildVocabulary(model.answers);
  const width = Math.ceil((vocabulary.states.size + 1) / 32) * 32;
  return writeGguf(describe(model, vocabulary, width), weigh(vocabulary, width));
}

interface Token {
  readonly text: string;
  readonly type: number;
}

interface Vocabulary {
  readonly tokens: readonly Token[];
  /** Token to its dimension and to the token said after it. */
  readonly states: ReadonlyMap<number, { readonly dimension: number; readonly next: number }>;
}

function buildVocabulary(answers: readonly TinyAnswer[]): Vocabulary {
  const tokens: Token[] = [...FIRST_TOKENS];
  for (let byte = 0; byte < 256; byte += 1) {
    tokens.push({ text: `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, type: TOKEN_TYPE.byte });
  }
  const said = new Set(tokens.map((token) => token.text));
  const states = new Map<number, { dimension: number; next: number }>();
  answers.forEach((answer, index) => {
    const start = tokens.length;
    const last = start + answer.pieces.length;
    tokens.push({ text: answerToken(index), type: TOKEN_TYPE.control });
    for (const piece of answer.pieces) {
      const text = piece.replaceAll(' ', SPACE);
      if (said.has(text)) throw new Error(`The piece ${JSON.stringify(piece)} occurs twice; split it differently.`);
      said.add(text);
      tokens.push({ text, type: TOKEN_TYPE.normal });
    }
    for (let token = start; token <= last; token += 1) {
      const after = answer.endless === true ? start + 1 : END_TOKEN;
      states.set(token, { dimension: states.size + 1, next: token === last ? after : token + 1 });
    }
  });
  const unsaid = COMMON_FRAGMENTS.filter((text) => !said.has(text));
  return { tokens: [...tokens, ...unsaid.map((text) => ({ text, type: TOKEN_TYPE.normal }))], states };
}

const WORDS = `a agent all and any are as be before by can change code command description do does each file for from in
  is it line make message model more name new not number of on only or output path project result run search session
  should string task that the this to tool type use user when will with without work you your`;
const PARTS = `al ar as at ce ch co de ea ed en er es ha he hi ic in io is it le li ll ma me nd ne ng nt of om on or ou ra
  re ri ro se si st te th ti ur ve ent ing ion ment tion ": "," {" "}`;

/**
 * Without them a prompt would have a token for every byte, and attention over it would take some time. What is common is
 * merged from its first letter on, so all its beginnings are tokens as well.
 */
const COMMON_FRAGMENTS: readonly string[] = [
  ...new Set(
    [...WORDS.split(/\s+/).map((word) => SPACE + word), ...PARTS.split(/\s+/), SPACE.repeat(8)].flatMap((text) =>
      Array.from({ length: text.length - 1 }, (_, end) => text.slice(0, end + 2)),
    ),
  ),
];

function roleToken(role: string): string {
  return `<|${role}|>`;
}

function answerToken(index: number): string {
  return `<|answer-${index}|>`;
}

/**
 * The chat template, in Jinja, with tools in the form that Hermes and Qwen made common. What decides on the answer is
 * all that was said since the model spoke last: clients put notes of their own after the user's words. The token that
 * the prompt ends with is the first state of the chain.
 */
function writeTemplate(answers: readonly TinyAnswer[]): string {
  const choice = answers.map(
    ({ cue }, index) => `{% ${index === 0 ? 'if' : 'elif'} ${JSON.stringify(cue)} in now.said %}${answerToken(index)}`,
  );
  return [
    '{% set now = namespace(said="") %}',
    `{% if tools %}${roleToken('system')}<tools>{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}</tools>`,
    `${TURN_END}{% endif %}`,
    '{% for message in messages %}<|{{ message.role }}|>',
    '{% if message.reasoning_content %}<think>\n{{ message.reasoning_content }}\n</think>\n\n{% endif %}',
    '{{ message.content or "" }}',
    '{% if message.role == "assistant" %}{% set now.said = "" %}',
    '{% else %}{% set now.said = now.said + (message.content or "") %}{% endif %}',
    '{% for call in message.tool_calls or [] %}<tool_call>\n',
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}',
    `\n</tool_call>{% endfor %}${TURN_END}{% endfor %}`,
    `{% if add_generation_prompt %}${roleToken('assistant')}${choice.join('')}{% endif %}{% endif %}`,
  ].join('');
}

function describe(model: TinyModel, { tokens }: Vocabulary, width: number): Metadata {
  return [
    ['general.architecture', string('llama')],
    ['general.name', string(model.name)],
    ['llama.context_length', uint32(model.contextTokens)],
    ['llama.embedding_length', uint32(width)],
    ['llama.block_count', uint32(1)],
    ['llama.feed_forward_length', uint32(FEED_FORWARD_LENGTH)],
    ['llama.attention.head_count', uint32(1)],
    ['llama.attention.head_count_kv', uint32(1)],
    ['llama.attention.key_length', uint32(HEAD_LENGTH)],
    ['llama.attention.value_length', uint32(HEAD_LENGTH)],
    ['llama.attention.layer_norm_rms_epsilon', float32(1e-5)],
    ['llama.rope.dimension_count', uint32(HEAD_LENGTH)],
    ['tokenizer.ggml.model', string('llama')],
    ['tokenizer.ggml.tokens', array(tokens.map(({ text }) => string(text)))],
    // Merged are the fragments with the best score, which is the longest one.
    ['tokenizer.ggml.scores', array(tokens.map(({ text }) => float32([...text].length)))],
    ['tokenizer.ggml.token_type', array(tokens.map(({ type }) => int32(type)))],
    ['tokenizer.ggml.unknown_token_id', uint32(0)],
    ['tokenizer.ggml.bos_token_id', uint32(1)],
    ['tokenizer.ggml.eos_token_id', uint32(END_TOKEN)],
    ['tokenizer.ggml.add_bos_token', bool(true)],
    ['tokenizer.ggml.add_space_prefix', bool(false)],
    ['tokenizer.chat_template', string(writeTemplate(model.answers))],
  ];
}

function weigh({ tokens, states }: Vocabulary, width: number): readonly Tensor[] {
  const embedding = new Float32Array(tokens.length * width);
  const output = new Float32Array(tokens.length * width);
  for (let token = 0; token < tokens.length; token += 1) {
    embedding[token * width + (states.get(token)?.dimension ?? 0)] = 1;
  }
  output[END_TOKEN * width] = CERTAIN;
  for (const { dimension, next } of states.values()) output[next * width + dimension] = CERTAIN;
  return [
    { name: 'token_embd.weight', shape: [width, tokens.length], values: embedding },
    { name: 'output_norm.weight', shape: [width], values: new Float32Array(width).fill(1) },
    { name: 'output.weight', shape: [width, tokens.length], values: output },
    { name: 'blk.0.attn_norm.weight', shape: [width], values: new Float32Array(width).fill(1) },
    { name: 'blk.0.ffn_norm.weight', shape: [width], values: new Float32Array(width).fill(1) },
    zeros('blk.0.attn_q.weight', width, HEAD_LENGTH),
    zeros('blk.0.attn_k.weight', width, HEAD_LENGTH),
    zeros('blk.0.attn_v.weight', width, HEAD_LENGTH),
    zeros('blk.0.attn_output.weight', HEAD_LENGTH, width),
    zeros('blk.0.ffn_gate.weight', width, FEED_FORWARD_LENGTH),
    zeros('blk.0.ffn_up.weight', width, FEED_FORWARD_LENGTH),
    zeros('blk.0.ffn_down.weight', FEED_FORWARD_LENGTH, width),
  ];
}

interface Tensor {
  readonly name: string;
  /** Fastest dimension first, as the file has it. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

function zeros(name: string, columns: number, rows: number): Tensor {
  return { name, shape: [columns, rows], values: new Float32Array(columns * rows) };
}

type Metadata = readonly (readonly [key: string, value: Value])[];

/** A metadata value: its type's number in the format, and its bytes without that number. */
interface Value {
  readonly type: number;
  readonly bytes: Uint8Array;
}

const VERSION = 3;
const F32 = 0;
const ALIGNMENT = 32;

function writeGguf(metadata: Metadata, tensors: readonly Tensor[]): Uint8Array {
  const head: Uint8Array[] = [Buffer.from('GGUF'), word(VERSION), long(tensors.length), long(metadata.length)];
  for (const [key, value] of metadata) head.push(string(key).bytes, word(value.type), value.bytes);
  const data: Uint8Array[] = [];
  let offset = 0;
  for (const { name, shape, values } of tensors) {
    head.push(string(name).bytes, word(shape.length), ...shape.map(long), word(F32), long(offset));
    const bytes = padded(new Uint8Array(values.buffer));
    data.push(bytes);
    offset += bytes.length;
  }
  return Buffer.concat([padded(Buffer.concat(head)), ...data]);
}

function padded(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes], Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT);
}

function uint32(value: number): Value {
  return { type: 4, bytes: word(value) };
}

function int32(value: number): Value {
  return { type: 5, bytes: word(value) };
}

function float32(value: number): Value {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return { type: 6, bytes };
}

function bool(value: boolean): Value {
  return { type: 7, bytes: Uint8Array.of(value ? 1 : 0) };
}

function string(value: string): Value {
  const bytes = Buffer.from(value);
  return { type: 8, bytes: Buffer.concat([long(bytes.length), bytes]) };
}

function array(values: readonly Value[]): Value {
  const [first] = values;
  if (first === undefined) throw new Error('An empty array has no type.');
  return {
    type: 9,
    bytes: Buffer.concat([word(first.type), long(values.length), ...values.map((value) => value.bytes)]),
  };
}

function word(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function long(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
