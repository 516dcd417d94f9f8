import { expect, it } from 'vitest';
import { type TinyModel, writeTinyModel } from './tiny-model.ts';

const MODEL: TinyModel = {
  name: 'tiny',
  contextTokens: 4096,
  answers: [
    { cue: 'for ever', pieces: [' one', ' two'], endless: true },
    { cue: '', pieces: ['Hello', ' to', ' you', ' “all”\n'] },
  ],
};

it('a model says what its table tells, and ends there or begins again', () => {
  const file = read(writeTinyModel(MODEL));
  expect(say(file, '<|answer-1|>', 9)).toEqual(['Hello', '▁to', '▁you', '▁“all”\n', '<|end|>']);
  expect(say(file, '<|answer-0|>', 5)).toEqual(['▁one', '▁two', '▁one', '▁two', '▁one']);
  // Whatever else the prompt ends with.
  expect(say(file, '<|user|>', 9)).toEqual(['<|end|>']);
});

it('its file is one that GGUF readers take: aligned, complete and the same every time', () => {
  const bytes = writeTinyModel(MODEL);
  expect(bytes.length).toBeLessThan(1 << 20);
  expect(Buffer.from(bytes).equals(writeTinyModel(MODEL))).toBe(true);
  const { metadata, tensors, end } = read(bytes);
  expect(end).toBe(bytes.length);
  const texts = metadata.get('tokenizer.ggml.tokens') as readonly string[];
  expect(new Set(texts).size).toBe(texts.length);
  for (const list of ['scores', 'token_type']) {
    expect(metadata.get(`tokenizer.ggml.${list}`)).toHaveLength(texts.length);
  }
  expect(metadata.get('general.architecture')).toBe('llama');
  expect(metadata.get('llama.context_length')).toBe(4096);
  const width = metadata.get('llama.embedding_length');
  expect(tensors.get('token_embd.weight')?.shape).toEqual([width, texts.length]);
  const idle = [...tensors].filter(([name]) => /attn_(?:q|k|v|output)\.|ffn_(?:gate|up|down)\./.test(name));
  expect(idle).toHaveLength(7);
  expect(idle.filter(([, { values }]) => values.some((value) => value !== 0))).toEqual([]);
});

it('a piece that stands in two places is refused, because the model knows no other place than the piece', () => {
  const answers = [{ cue: '', pieces: ['ha', 'ha'] }];
  expect(() => writeTinyModel({ ...MODEL, answers })).toThrow('"ha" occurs twice');
});

type Metadata = string | number | boolean | readonly Metadata[];

interface Read {
  readonly metadata: ReadonlyMap<string, Metadata>;
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;
  /** Where the last tensor ends, with what fills it up. */
  readonly end: number;
}

/** The most likely tokens, one after the other, of a model whose block changes nothing. */
function say({ metadata, tensors }: Read, from: string, most: number): string[] {
  const texts = metadata.get('tokenizer.ggml.tokens') as readonly string[];
  const width = metadata.get('llama.embedding_length') as number;
  const embedding = tensors.get('token_embd.weight')?.values ?? new Float32Array();
  const output = tensors.get('output.weight')?.values ?? new Float32Array();
  const row = (matrix: Float32Array, token: number) => matrix.subarray(token * width, (token + 1) * width);
  const said: string[] = [];
  for (let token = texts.indexOf(from); said.length < most && said.at(-1) !== '<|end|>'; ) {
    const state = row(embedding, token);
    const scores = texts.map((_, next) =>
      row(output, next).reduce((sum, weight, at) => sum + weight * (state[at] ?? 0), 0),
    );
    token = scores.indexOf(Math.max(...scores));
    said.push(texts[token] ?? '');
  }
  return said;
}

/** A reader of its own, from the specification. */
function read(bytes: Uint8Array): Read {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const skip = (length: number): number => {
    at += length;
    return at - length;
  };
  const word = () => view.getUint32(skip(4), true);
  const long = () => Number(view.getBigUint64(skip(8), true));
  const text = () => {
    const length = long();
    return Buffer.from(bytes).toString('utf8', skip(length), at);
  };
  const value = (type: number): Metadata => {
    if (type === 4) return word();
    if (type === 5) return view.getInt32(skip(4), true);
    if (type === 6) return view.getFloat32(skip(4), true);
    if (type === 7) return view.getUint8(skip(1)) === 1;
    if (type === 8) return text();
    if (type !== 9) throw new Error(`type ${type} at ${at}`);
    const each = word();
    return Array.from({ length: long() }, () => value(each));
  };
  expect([word(), word()]).toEqual([0x46554747, 3]);
  const [tensorCount, keyCount] = [long(), long()];
  const metadata = new Map(Array.from({ length: keyCount }, () => [text(), value(word())] as const));
  const infos = Array.from({ length: tensorCount }, () => ({
    name: text(),
    shape: Array.from({ length: word() }, long),
    type: word(),
    offset: long(),
  }));
  const data = Math.ceil(at / 32) * 32;
  let end = data;
  const tensors = infos.map(({ name, shape, type, offset }) => {
    const length = shape.reduce((product, one) => product * one, 1);
    expect([name, type, offset % 32, data + offset]).toEqual([name, 0, 0, end]);
    const values = Float32Array.from({ length }, (_, index) => view.getFloat32(data + offset + 4 * index, true));
    end = data + offset + Math.ceil((length * 4) / 32) * 32;
    return [name, { shape, values }] as const;
  });
  return { metadata, tensors: new Map(tensors), end };
}
