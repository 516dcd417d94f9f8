/** Middle value; the mean of the two middle ones for an even count; `undefined` of nothing. */
export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const high = sorted[half];
  const low = sorted[sorted.length % 2 === 0 ? half - 1 : half];
  return high === undefined || low === undefined ? undefined : (low + high) / 2;
}

/** `a / b`; `undefined` where there is nothing to divide or the divisor is not positive. */
export function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined || b <= 0 ? undefined : a / b;
}

export function difference(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a - b;
}

/** Order of the targets in one round: each goes first once before any goes first again, so that none always runs on
 * the machine as another one left it. */
export function rotate<T>(items: readonly T[], round: number): T[] {
  const at = items.length === 0 ? 0 : round % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}
