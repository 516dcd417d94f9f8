/**
 * The shortest of several measurements; no more than are needed to get below the limit. What else runs on the machine
 * makes single ones longer and none shorter, so that one below the limit is the proof.
 */
export async function fastest(
  limitMs: number,
  measure: (round: number) => Promise<number>,
  rounds = 8,
): Promise<number> {
  let bestMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds && bestMs >= limitMs; round++) bestMs = Math.min(bestMs, await measure(round));
  return bestMs;
}
