import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Position, SourceEntry, SourceNode } from './source.ts';

/** Something in the text that is not YAML, or more of it than a configuration needs. */
export interface YamlFault extends Position {
  readonly what: string;
}

const DEPTH_LIMIT = 32;
/** Nodes a file may unfold to: aliases can make a few lines into gigabytes. */
const NODE_LIMIT = 200_000;

/** Reads any YAML. Everything that is wrong is in `faults`; `root` is then undefined. */
export function readYaml(text: string): { root: SourceNode | undefined; faults: YamlFault[] } {
  const lines = new LineCounter();
  const faults: YamlFault[] = [];
  const report = (offset: number, what: string): void => {
    const { line, col } = lines.linePos(offset);
    faults.push({ line: Math.max(1, line), column: Math.max(1, col), what });
  };
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
    for (const problem of [...document.errors, ...document.warnings]) report(problem.pos[0], problem.message);
    const root = faults.length > 0 ? undefined : unfold(document, report);
    return { root: faults.length > 0 ? undefined : root, faults };
  } catch (thrown) {
    // A text that is nested too deeply ends the library's recursion with a RangeError.
    report(0, thrown instanceof RangeError ? 'is nested too deeply' : 'cannot be read as YAML');
    return { root: undefined, faults };
  }
}

/** The document with its aliases followed. Stops at the first fault. */
function unfold(document: Document, report: (offset: number, what: string) => void): SourceNode {
  let nodes = 0;
  let stopped = false;
  const stop = (offset: number, what: string): void => {
    if (!stopped) report(offset, what);
    stopped = true;
  };
  const convert = (node: unknown, around: number, depth: number): SourceNode => {
    const offset = offsetOf(node) ?? around;
    if (depth > DEPTH_LIMIT) stop(offset, 'is nested too deeply');
    if (++nodes > NODE_LIMIT) stop(offset, 'unfolds to too many values');
    if (stopped) return { kind: 'scalar', offset, value: null };
    if (isAlias(node)) {
      const target = node.resolve(document);
      if (target === undefined) stop(offset, 'refers to an anchor that is not there');
      return convert(target, offset, depth + 1);
    }
    if (isMap(node)) {
      const entries = new Map<string, SourceEntry>();
      for (const pair of node.items) {
        if (stopped) break;
        const at = offsetOf(pair.key) ?? offset;
        if (!isScalar(pair.key)) stop(at, 'a key must be plain text');
        const key = isScalar(pair.key) ? String(pair.key.value ?? '') : '';
        if (key === '__proto__') stop(at, 'a key cannot have this name');
        if (entries.has(key)) stop(at, `the key "${key}" is there twice`);
        entries.set(key, { offset: at, node: convert(pair.value, at, depth + 1) });
      }
      return { kind: 'map', offset, entries };
    }
    if (isSeq(node)) return { kind: 'list', offset, items: node.items.map((item) => convert(item, offset, depth + 1)) };
    return { kind: 'scalar', offset, value: isScalar(node) ? scalarValue(node.value) : null };
  };
  return convert(document.contents, 0, 0);
}

function scalarValue(value: unknown): string | number | boolean | null {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return value === null || value === undefined ? null : String(value);
}

function offsetOf(node: unknown): number | undefined {
  return (node as { range?: [number, number, number] | null } | null)?.range?.[0];
}
