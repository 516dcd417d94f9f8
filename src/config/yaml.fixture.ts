import { expect } from 'vitest';
import { readYaml } from './library-yaml.ts';
import { plainValue, type SourceNode } from './source.ts';

/** What a tree says and where, so that two readers can be compared. */
function told(node: SourceNode): unknown {
  if (node.kind === 'map') return [...node.entries].map(([key, entry]) => [key, entry.offset, told(entry.node)]);
  if (node.kind === 'list') return node.items.map(told);
  return node.value === null ? null : [node.offset, node.value];
}

/** Expects of a reader that it means what the `yaml` library means, to the position, or leaves the text to it. */
export function compareWithLibrary(
  text: string,
  read: (text: string) => SourceNode | undefined,
): 'same' | 'left to the library' {
  const plain = read(text);
  if (!plain) return 'left to the library';
  const { root, faults } = readYaml(text);
  expect(faults, text).toEqual([]);
  expect(plainValue(plain), text).toEqual(plainValue(root as SourceNode));
  expect(told(plain), text).toEqual(told(root as SourceNode));
  return 'same';
}
