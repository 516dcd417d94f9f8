import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  stringify,
  type YAMLMap,
} from 'yaml';
import type { Path } from './source.ts';

/**
 * The YAML text with one value set, or removed where it is `undefined`. Only the lines of that value change. Where that
 * cannot be done in the text itself (anchors, odd layouts), the library writes the whole document anew, which keeps
 * comments but not every space.
 */
export function editText(text: string, path: Path, value: unknown): string {
  const before = parse(text);
  const expected = parse(text);
  if (value === undefined) {
    if (!expected.hasIn(path)) return text;
    expected.deleteIn(path);
  } else {
    setIn(expected, path, value);
  }
  const wanted = JSON.stringify(settled(expected.toJS() ?? {}));
  const spliced = value === undefined ? removed(text, before, path) : put(text, before, path, value);
  if (spliced !== undefined) {
    const after = parse(spliced);
    if (after.errors.length === 0 && JSON.stringify(settled(after.toJS() ?? {})) === wanted) return spliced;
  }
  return expected.toString(STYLE);
}

const STYLE = { lineWidth: 0, flowCollectionPadding: true } as const;

function parse(text: string): Document {
  return parseDocument(text, { logLevel: 'silent' });
}

function setIn(document: Document, path: Path, value: unknown): void {
  // Empty values on the way become maps: `profiles:` with nothing behind it.
  for (let depth = 0; depth < path.length; depth++) {
    const inner = depth === 0 ? document.contents : document.getIn(path.slice(0, depth), true);
    if (inner === undefined || (inner !== null && !isEmpty(inner))) continue;
    const map = document.createNode({});
    if (depth === 0) document.contents = map;
    else document.setIn(path.slice(0, depth), map);
  }
  document.setIn(path, document.createNode(value));
}

function put(text: string, document: Document, path: Path, value: unknown): string | undefined {
  const [parent, depth] = deepestMap(document, path);
  const key = String(path[depth]);
  if (!parent) return isEmpty(document.contents) ? appended(text, nested(path, value)) : undefined;
  const pair = pairOf(parent, key);
  const rest = nested(path.slice(depth + 1), value);
  if (!pair) return parent.flow ? putIntoFlow(text, parent, key, rest) : putIntoBlock(text, parent, key, rest);
  const node = pair.value as Node | null;
  if (isScalar(node) && node.range && node.source !== undefined && isPlainValue(rest)) {
    return text.slice(0, node.range[0]) + scalarText(rest, parent.flow === true) + text.slice(node.range[1]);
  }
  if (parent.flow) return node?.range ? splice(text, node.range, flowText(rest)) : undefined;
  const lines = linesOf(text, pair);
  return lines && splice(text, lines, blockText(key, rest, columnOf(text, lines[0], pair)));
}

function removed(text: string, document: Document, path: Path): string | undefined {
  const [parent, depth] = deepestMap(document, path);
  const pair = parent && depth === path.length - 1 ? pairOf(parent, String(path.at(-1))) : undefined;
  if (!parent || !pair) return undefined;
  if (!parent.flow) {
    const lines = linesOf(text, pair);
    return lines && splice(text, lines, '');
  }
  const at = parent.items.indexOf(pair);
  const range = flowRange(pair);
  if (!range) return undefined;
  const next = parent.items[at + 1];
  const previous = parent.items[at - 1];
  if (next) return splice(text, [range[0], flowRange(next)?.[0] ?? range[1]], '');
  if (previous) return splice(text, [flowRange(previous)?.[1] ?? range[0], range[1]], '');
  return parent.range ? splice(text, parent.range, '{}') : undefined;
}

/** The deepest map that is there on the way to the path, and how many steps of the path lead to it. */
function deepestMap(document: Document, path: Path): [YAMLMap | undefined, number] {
  let found: [YAMLMap | undefined, number] = [isMap(document.contents) ? document.contents : undefined, 0];
  for (let depth = 1; depth < path.length; depth++) {
    const node = document.getIn(path.slice(0, depth), true);
    if (!isMap(node)) break;
    found = [node, depth];
  }
  return found;
}

function putIntoBlock(text: string, map: YAMLMap, key: string, value: unknown): string | undefined {
  const last = map.items.at(-1);
  const lines = last && linesOf(text, last);
  if (!last || !lines) return undefined;
  const head = text.slice(0, lines[1]);
  const joint = head === '' || head.endsWith('\n') ? '' : '\n';
  return head + joint + blockText(key, value, columnOf(text, lines[0], last)) + text.slice(lines[1]);
}

function putIntoFlow(text: string, map: YAMLMap, key: string, value: unknown): string | undefined {
  const { range } = map;
  if (!range) return undefined;
  const entry = `${scalarText(key, true)}: ${flowText(value)}`;
  const last = map.items.at(-1);
  const end = last && flowRange(last)?.[1];
  if (end === undefined) return splice(text, [range[0], range[1]], `{ ${entry} }`);
  return `${text.slice(0, end)}, ${entry}${text.slice(end)}`;
}

function appended(text: string, value: unknown): string {
  const joint = text === '' || text.endsWith('\n') ? '' : '\n';
  return text + joint + stringify(value, STYLE);
}

/** From the line of the key to the end of the last line of the value, its line break and comment included. */
function linesOf(text: string, pair: Pair): [number, number] | undefined {
  const key = pair.key as Node | null;
  if (!key?.range) return undefined;
  const start = text.lastIndexOf('\n', key.range[0] - 1) + 1;
  if (text.slice(start, key.range[0]).trim() !== '') return undefined;
  let end = lastOffset(pair) ?? key.range[1];
  while (end > start && /\s/.test(text[end - 1] as string)) end--;
  const lineEnd = text.indexOf('\n', end);
  return [start, lineEnd === -1 ? text.length : lineEnd + 1];
}

/** Where the last scalar or closing bracket of the value ends: ranges of blocks reach into what follows them. */
function lastOffset({ key, value }: Pair): number | undefined {
  if (isMap(value) && !value.flow && value.items.length > 0) return lastOffset(value.items.at(-1) as Pair);
  if (isSeq(value) && !value.flow && value.items.length > 0) {
    const last = value.items.at(-1);
    return lastOffset({ key, value: last } as Pair);
  }
  const range = (value as Node | null)?.range;
  const keyEnd = (key as Node | null)?.range?.[1];
  return range && range[1] > range[0] ? range[1] : keyEnd;
}

function columnOf(text: string, lineStart: number, pair: Pair): number {
  return ((pair.key as Node).range?.[0] ?? lineStart) - (text.lastIndexOf('\n', lineStart - 1) + 1);
}

function flowRange({ key, value }: Pair): [number, number] | undefined {
  const start = (key as Node | null)?.range?.[0];
  const end = (value as Node | null)?.range?.[1] ?? (key as Node | null)?.range?.[1];
  return start === undefined || end === undefined ? undefined : [start, end];
}

function blockText(key: string, value: unknown, indent: number): string {
  const lines = stringify({ [key]: value }, STYLE)
    .trimEnd()
    .split('\n');
  return lines.map((line) => `${' '.repeat(indent)}${line}\n`).join('');
}

function flowText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flowText).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return scalarText(value, true);
  const entries = Object.entries(value).map(([key, inner]) => `${scalarText(key, true)}: ${flowText(inner)}`);
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

function scalarText(value: unknown, inFlow: boolean): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? 'null';
  const plain = stringify(value, STYLE).trimEnd();
  const isUsual = /^[A-Za-z0-9_./-]+$/.test(plain);
  return isUsual || (!inFlow && !plain.includes('\n')) ? plain : JSON.stringify(value);
}

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key);
}

function nested(path: Path, value: unknown): unknown {
  return path.reduceRight<unknown>((inner, step) => ({ [step]: inner }), value);
}

function isPlainValue(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

function isEmpty(node: unknown): boolean {
  return node === null || (isScalar(node) && (node.value === null || node.value === undefined));
}

/** Empty maps and nulls mean the same to the configuration. */
function settled(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(settled);
  const entries = Object.entries(value).map(([key, inner]) => [key, settled(inner)] as const);
  const kept = entries.filter(([, inner]) => inner !== null && !(typeof inner === 'object' && isBare(inner)));
  return Object.fromEntries(kept);
}

function isBare(value: object): boolean {
  return Object.keys(value).length === 0;
}

function splice(text: string, [start, end]: readonly [number, number, ...number[]], put: string): string {
  return text.slice(0, start) + put + text.slice(end);
}
