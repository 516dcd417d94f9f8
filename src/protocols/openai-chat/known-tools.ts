import { ownBytes } from '../../core/own-bytes.ts';

/** Lists of tools that are kept in mind, of all sessions; a client has a few: its own, those of its agents. */
const MAX_LISTS = 16;
const MOST_BYTES = 512 << 10;

/** The last used one at the end. */
let lists: { readonly bytes: Buffer; readonly value: unknown }[] = [];

/**
 * The value of the field `tools`. A client sends the same tens of kilobytes with every request of a session: the same
 * bytes give the same object, which nobody changes, so what follows from it can be kept beside it.
 */
export function knownTools(bytes: Buffer, parse: () => unknown): unknown {
  const last = lists.length - 1;
  for (let at = last; at >= 0; at -= 1) {
    const known = lists[at];
    if (known === undefined || known.bytes.length !== bytes.length || !known.bytes.equals(bytes)) continue;
    if (at !== last) lists = [...lists.filter((each) => each !== known), known];
    return known.value;
  }
  const value = parse();
  if (bytes.length <= MOST_BYTES) lists = [...lists.slice(1 - MAX_LISTS), { bytes: ownBytes(bytes), value }];
  return value;
}
