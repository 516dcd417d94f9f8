import { isUsualText, unescapeDouble } from './plain-yaml.ts';
import type { SourceEntry, SourceNode } from './source.ts';

/**
 * Reads a configuration that is written as JSON, which is YAML too: what other programs write. `undefined` for everything
 * else, and for everything that is not certain to mean the same to the `yaml` library, which then reads the file.
 */
export function readPlainJson(text: string): SourceNode | undefined {
  if (!isUsualText(text)) return undefined;
  const at = skip(text, 0);
  const read = text[at] === '{' ? readValue(text, at, 0) : undefined;
  return read && skip(text, read.end) === text.length ? read.node : undefined;
}

/** A value, and where the text goes on behind it. */
interface Read {
  readonly node: SourceNode;
  readonly end: number;
}

const DEPTH_LIMIT = 24;
const SPACE = /[ \r\n]*/y;
const STRING = /"((?:[^"\\\r\n]|\\["\\/bfnrt])*)"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?=[ \r\n,\]}])/y;
const WORD = /(?:true|false|null)(?=[ \r\n,\]}])/y;
const WORDS: Readonly<Record<string, boolean | null>> = { true: true, false: false, null: null };

function readValue(text: string, at: number, depth: number): Read | undefined {
  if (depth > DEPTH_LIMIT) return undefined;
  if (text[at] === '{') return readMap(text, at, depth);
  if (text[at] === '[') return readList(text, at, depth);
  const string = match(STRING, text, at);
  if (string) return scalar(at, unescapeDouble(string[1] as string), string);
  const number = match(NUMBER, text, at);
  if (number) return scalar(at, Number(number[0]), number);
  const word = match(WORD, text, at);
  return word && scalar(at, WORDS[word[0]] as boolean | null, word);
}

function readMap(text: string, offset: number, depth: number): Read | undefined {
  const entries = new Map<string, SourceEntry>();
  for (let at = skip(text, offset + 1); ; at = skip(text, at + 1)) {
    if (text[at] === '}' && entries.size === 0) return { node: { kind: 'map', offset, entries }, end: at + 1 };
    const found = match(STRING, text, at);
    if (!found) return undefined;
    const key = unescapeDouble(found[1] as string);
    const colon = at + found[0].length;
    if (text[colon] !== ':' || entries.has(key) || key === '__proto__') return undefined;
    const value = readValue(text, skip(text, colon + 1), depth + 1);
    if (!value) return undefined;
    entries.set(key, { offset: at, node: value.node });
    at = skip(text, value.end);
    if (text[at] === '}') return { node: { kind: 'map', offset, entries }, end: at + 1 };
    if (text[at] !== ',') return undefined;
  }
}

function readList(text: string, offset: number, depth: number): Read | undefined {
  const items: SourceNode[] = [];
  for (let at = skip(text, offset + 1); ; at = skip(text, at + 1)) {
    if (text[at] === ']' && items.length === 0) return { node: { kind: 'list', offset, items }, end: at + 1 };
    const item = readValue(text, at, depth + 1);
    if (!item) return undefined;
    items.push(item.node);
    at = skip(text, item.end);
    if (text[at] === ']') return { node: { kind: 'list', offset, items }, end: at + 1 };
    if (text[at] !== ',') return undefined;
  }
}

function scalar(offset: number, value: string | number | boolean | null, [whole]: RegExpExecArray): Read {
  return { node: { kind: 'scalar', offset, value }, end: offset + whole.length };
}

function skip(text: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.test(text);
  return SPACE.lastIndex;
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
