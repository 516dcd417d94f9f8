/** Where something stands in a file; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A value of a configuration file with the place where it was written. `offset` counts UTF-16 units. */
export type SourceNode =
  | { readonly kind: 'scalar'; readonly offset: number; readonly value: string | number | boolean | null }
  | { readonly kind: 'list'; readonly offset: number; readonly items: readonly SourceNode[] }
  | { readonly kind: 'map'; readonly offset: number; readonly entries: ReadonlyMap<string, SourceEntry> };

export interface SourceEntry {
  /** Where the key stands. */
  readonly offset: number;
  readonly node: SourceNode;
}

export type Path = readonly (string | number)[];

/** One file as it was read. */
export interface Source {
  readonly file: string;
  readonly text: string;
  readonly root: SourceNode;
}

/** What a file says, as plain data. No reader lets a key called `__proto__` through. */
export function plainValue(node: SourceNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainValue);
  const map: Record<string, unknown> = {};
  for (const [key, entry] of node.entries) map[key] = plainValue(entry.node);
  return map;
}

/**
 * Where a path is written, as far as it exists: the value for a path that is there, the nearest thing around it for
 * one that is not. `key` gives the place of the last key instead of its value.
 */
export function positionOf(source: Source, path: Path, what: 'key' | 'value' = 'value'): Position {
  let offset = source.root.offset;
  let node: SourceNode | undefined = source.root;
  for (const [depth, step] of path.entries()) {
    const last: boolean = depth === path.length - 1;
    if (node.kind === 'map') {
      const entry: SourceEntry | undefined = node.entries.get(String(step));
      if (!entry) break;
      node = entry.node;
      offset = last && what === 'key' ? entry.offset : valueOffset(entry);
    } else if (node.kind === 'list') {
      const item: SourceNode | undefined = node.items[Number(step)];
      if (!item) break;
      node = item;
      offset = item.offset;
    } else break;
  }
  return positionAt(source.text, offset);
}

export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  let line = 1;
  for (let at = before.indexOf('\n'); at !== -1; at = before.indexOf('\n', at + 1)) line++;
  return { line, column: offset - lineStart + 1 };
}

/** An empty value is shown where its key is, a block where its first line is. */
function valueOffset(entry: SourceEntry): number {
  const { node } = entry;
  return node.kind === 'scalar' && node.value !== null ? node.offset : entry.offset;
}
