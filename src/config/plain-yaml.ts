import type { SourceEntry, SourceNode } from './source.ts';

/**
 * Reads the plain part of YAML 1.2 that configuration files are written in: block maps, lists of scalars, flow maps
 * and lists on one line, plain and quoted scalars on one line, comments. `undefined` for everything else, and
 * for everything that is not certain to mean the same to the `yaml` library, which then reads the file. It is there
 * for the start-up time: 500 profiles take the library 90 to 200 ms in a fresh process.
 */
export function readPlainYaml(text: string): SourceNode | undefined {
  if (!isUsualText(text)) return undefined;
  try {
    return new Reader(text).document();
  } catch (thrown) {
    if (thrown === NOT_PLAIN) return undefined;
    throw thrown;
  }
}

/** Whether a text is made of characters that are no matter of opinion. */
export function isUsualText(text: string): boolean {
  return !UNUSUAL.test(text);
}

const NOT_PLAIN = Symbol('not plain');
/** Tabs, lone carriage returns, other breaks, control characters, surrogates, byte order marks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const UNUSUAL = /[\0-\x09\x0b\x0c\x0e-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]|\r(?!\n)/;

const KEY =
  /([A-Za-z_][A-Za-z0-9_./+@-]*)(?=:(?: |$))|"((?:[^"\\]|\\["\\/bfnrt])*)"(?=:(?: |$))|'((?:[^']|'')*)'(?=:(?: |$))/y;
/** What most lines are: a key alone, or with a plain word behind it. The rest of a line is looked at piece by piece. */
const USUAL_LINE = /([A-Za-z_][A-Za-z0-9_./+@-]*):(?: ([A-Za-z_/][A-Za-z0-9_./+@-]*(?::[A-Za-z0-9_./+@-]+)*))?$/y;
const DOUBLE = /"((?:[^"\\]|\\["\\/bfnrt])*)"/y;
const SINGLE = /'((?:[^']|'')*)'/y;
/** A plain scalar: no indicator at the start, then anything but what ends or changes it. */
const PLAIN = /(?:[A-Za-z0-9_./~+\u00a1-\ud7ff]|-(?=[A-Za-z0-9_./]))(?:[^ :#]|:(?! |$)|(?<! )#| (?! |#|$))*/y;
const FLOW_PLAIN =
  /(?:[A-Za-z0-9_./~+]|-(?=[A-Za-z0-9_./]))(?:[A-Za-z0-9_./~+@%=-]|:(?=[A-Za-z0-9_./~+@-])| (?=[A-Za-z0-9_./~+@-]))*/y;
const FLOW_KEY = /([A-Za-z_][A-Za-z0-9_./+@-]*): |"((?:[^"\\]|\\["\\/bfnrt])*)": |'((?:[^']|'')*)': /y;
const REST = / *(?: #.*)?$/y;
const WORD_LIKE = /^(?:~|null|true|false|yes|no|on|off|[-+]?\.(?:inf|nan))$/i;
const LONGEST_WORD = 5;
const LETTER = /^[A-Za-z]/;
const DIGITS = /^[-+]?[0-9]+$/;
const DECIMAL = /^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+)$/;

interface Line {
  readonly text: string;
  readonly indent: number;
  readonly offset: number;
}

/** A recursive descent over lines. */
class Reader {
  readonly #lines: readonly Line[];
  #next = 0;

  constructor(text: string) {
    this.#lines = significantLines(text);
  }

  document(): SourceNode {
    const first = this.#lines[0];
    if (!first) return { kind: 'scalar', offset: 0, value: null };
    if (first.indent !== 0) throw NOT_PLAIN;
    const root = this.#block(0);
    if (this.#next < this.#lines.length) throw NOT_PLAIN;
    return root;
  }

  #block(indent: number): SourceNode {
    const line = this.#lines[this.#next] as Line;
    return isListItem(line) ? this.#list(indent) : this.#map(indent);
  }

  #map(indent: number): SourceNode {
    const entries = new Map<string, SourceEntry>();
    const offset = (this.#lines[this.#next] as Line).offset;
    for (let line = this.#lines[this.#next]; line && line.indent === indent; line = this.#lines[this.#next]) {
      const { text } = line;
      USUAL_LINE.lastIndex = 0;
      KEY.lastIndex = 0;
      const usual = USUAL_LINE.exec(text);
      const match = usual ?? KEY.exec(text);
      if (!match) throw NOT_PLAIN;
      const key = usual ? plainKey(usual[1] as string) : keyOf(match);
      if (entries.has(key)) throw NOT_PLAIN;
      this.#next++;
      const word = usual?.[2];
      const node: SourceNode =
        word === undefined
          ? this.#valueAfter(line, usual ? text.length : KEY.lastIndex + 1, indent)
          : { kind: 'scalar', offset: line.offset + text.length - word.length, value: plainScalar(word) };
      entries.set(key, { offset: line.offset, node });
    }
    return { kind: 'map', offset, entries };
  }

  #valueAfter(line: Line, at: number, indent: number): SourceNode {
    if (!isRest(line.text, at)) return valueOnLine(line, at + 1);
    const below = this.#lines[this.#next];
    if (below && (below.indent > indent || (below.indent === indent && isListItem(below)))) {
      return this.#block(below.indent);
    }
    return { kind: 'scalar', offset: line.offset + at, value: null };
  }

  #list(indent: number): SourceNode {
    const items: SourceNode[] = [];
    const offset = (this.#lines[this.#next] as Line).offset;
    for (let line = this.#lines[this.#next]; line && line.indent === indent; line = this.#lines[this.#next]) {
      if (!isListItem(line)) break;
      items.push(valueOnLine(line, 2));
      this.#next++;
      const below = this.#lines[this.#next];
      if (below && below.indent > indent) throw NOT_PLAIN;
    }
    return { kind: 'list', offset, items };
  }
}

function significantLines(text: string): Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf('\n', start);
    const end = found === -1 ? text.length : found;
    const whole = text.slice(start, text[end - 1] === '\r' ? end - 1 : end);
    const content = whole.trimStart();
    if (content !== '' && content[0] !== '#') {
      const indent = whole.length - content.length;
      lines.push({ text: content, indent, offset: start + indent });
    }
    start = end + 1;
  }
  return lines;
}

function isListItem(line: Line): boolean {
  return line.text.startsWith('- ');
}

function valueOnLine(line: Line, start: number): SourceNode {
  const at = skipSpaces(line.text, start);
  const [node, end] = line.text[at] === '{' || line.text[at] === '[' ? flow(line, at, 0) : scalar(line, at, PLAIN);
  if (!isRest(line.text, end)) throw NOT_PLAIN;
  return node;
}

function flow(line: Line, start: number, depth: number): [SourceNode, number] {
  if (depth > 8) throw NOT_PLAIN;
  const opener = line.text[start];
  if (opener !== '{' && opener !== '[') return scalar(line, start, FLOW_PLAIN);
  const closer = opener === '{' ? '}' : ']';
  const entries = new Map<string, SourceEntry>();
  const items: SourceNode[] = [];
  let at = skipSpaces(line.text, start + 1);
  while (line.text[at] !== closer) {
    const offset = line.offset + at;
    let key: string | undefined;
    if (opener === '{') {
      FLOW_KEY.lastIndex = at;
      const match = FLOW_KEY.exec(line.text);
      if (!match) throw NOT_PLAIN;
      key = keyOf(match);
      if (entries.has(key)) throw NOT_PLAIN;
      at = skipSpaces(line.text, FLOW_KEY.lastIndex);
    }
    const [node, end] = flow(line, at, depth + 1);
    if (key === undefined) items.push(node);
    else entries.set(key, { offset, node });
    at = skipSpaces(line.text, end);
    if (line.text[at] === closer) break;
    if (line.text[at] !== ',') throw NOT_PLAIN;
    at = skipSpaces(line.text, at + 1);
    if (line.text[at] === closer) throw NOT_PLAIN;
  }
  const offset = line.offset + start;
  return [opener === '{' ? { kind: 'map', offset, entries } : { kind: 'list', offset, items }, at + 1];
}

function scalar(line: Line, at: number, plain: RegExp): [SourceNode, number] {
  const { text } = line;
  const offset = line.offset + at;
  const pattern = text[at] === '"' ? DOUBLE : text[at] === "'" ? SINGLE : plain;
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  if (!match) throw NOT_PLAIN;
  const end = pattern.lastIndex;
  if (pattern === plain) return [{ kind: 'scalar', offset, value: plainScalar(match[0]) }, end];
  const inner = match[1] as string;
  const value = pattern === DOUBLE ? unescapeDouble(inner) : inner.replaceAll("''", "'");
  return [{ kind: 'scalar', offset, value }, end];
}

function plainScalar(text: string): string | number | boolean | null {
  if (text.length > LONGEST_WORD && LETTER.test(text)) return text;
  if (WORD_LIKE.test(text)) {
    if (text === 'true' || text === 'false') return text === 'true';
    if (text === 'null') return null;
    if (/^(?:yes|no|on|off)$/i.test(text)) return text;
    throw NOT_PLAIN;
  }
  if (DIGITS.test(text) || DECIMAL.test(text)) return Number(text);
  if (/^[-+]?0[ox]/i.test(text)) throw NOT_PLAIN;
  return text;
}

function keyOf(match: RegExpExecArray): string {
  const [, plain, double, single] = match;
  if (plain !== undefined) return plainKey(plain);
  const quoted = double !== undefined ? unescapeDouble(double) : (single as string).replaceAll("''", "'");
  if (quoted === '__proto__') throw NOT_PLAIN;
  return quoted;
}

function plainKey(text: string): string {
  if ((text.length <= LONGEST_WORD && WORD_LIKE.test(text)) || text === '__proto__') throw NOT_PLAIN;
  return text;
}

/** The escapes that are admitted are those of JSON. */
export function unescapeDouble(inner: string): string {
  return inner.includes('\\') ? (JSON.parse(`"${inner}"`) as string) : inner;
}

function isRest(text: string, at: number): boolean {
  REST.lastIndex = at;
  return REST.test(text);
}

function skipSpaces(text: string, at: number): number {
  let here = at;
  while (text[here] === ' ') here++;
  return here;
}
