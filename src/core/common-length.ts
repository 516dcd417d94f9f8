/** First stretch that is compared; the next ones are larger. Bytes that differ mostly do so near their beginning. */
const FIRST_BYTES = 256;
/** The longest one: the one with the difference is read twice. */
const MOST_BYTES = 64 << 10;

/**
 * How many bytes at the beginning are the same, at most `most`. All of it is compared natively: a loop over a megabyte
 * would take longer than reading it anew.
 */
export function commonLength(a: Buffer, b: Buffer, most = Number.POSITIVE_INFINITY): number {
  const end = Math.min(a.length, b.length, most);
  let at = 0;
  let width = FIRST_BYTES;
  while (at < end) {
    const stop = Math.min(at + width, end);
    if (a.compare(b, at, stop, at, stop) !== 0) return firstDifference(a, b, at, stop);
    at = stop;
    width = Math.min(width * 4, MOST_BYTES);
  }
  return end;
}

/** Place of the first difference in a stretch that has one. */
function firstDifference(a: Buffer, b: Buffer, from: number, to: number): number {
  let same = from;
  let end = to;
  while (end - same > 1) {
    const middle = (same + end) >>> 1;
    if (a.compare(b, same, middle, same, middle) === 0) same = middle;
    else end = middle;
  }
  return same;
}
