const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** The longest time after which a switch ends by itself: a timer counts to 24 days. */
export const LONGEST_MS = 7 * UNITS_MS.d;

/** Milliseconds of `90s`, `30m`, `1h30m`, `2d`; `undefined` for any other text, for nothing and for over a week. */
export function readDuration(text: string): number | undefined {
  if (!/^(\d{1,6}[smhd])+$/i.test(text)) return undefined;
  let ms = 0;
  for (const [, count, unit] of text.toLowerCase().matchAll(/(\d+)([smhd])/g)) {
    ms += Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  }
  return ms > 0 && ms <= LONGEST_MS ? ms : undefined;
}
