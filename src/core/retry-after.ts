export type HeaderMap = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Seconds to wait as the upstream asks for it, with their fractions; `undefined` when it does not say or says nonsense.
 * Reads `retry-after` as seconds, date or duration, `retry-after-ms`, and the wordings of `body`. A date is measured
 * against the upstream's own `date` header, else against `nowMs`; without both it is not used.
 */
export function retryAfterSeconds(headers: HeaderMap, body: string, nowMs?: number): number | undefined {
  const fromMs = Number(single(headers['retry-after-ms']) || Number.NaN);
  if (fromMs >= 0) return fromMs / 1000;
  const header = single(headers['retry-after'])?.trim();
  if (header !== undefined && header !== '') {
    const seconds = /^\d+(?:\.\d+)?$/.test(header) ? Number(header) : duration(header);
    if (seconds !== undefined) return seconds;
    const at = /^[A-Za-z]{3,9},? /.test(header) || /^\d{4}-\d\d-\d\dT/.test(header) ? Date.parse(header) : Number.NaN;
    const date = Date.parse(single(headers.date) ?? '');
    const now = Number.isNaN(date) ? nowMs : date;
    if (!Number.isNaN(at) && now !== undefined) return Math.max(0, (at - now) / 1000);
  }
  const said =
    /"retryDelay"\s*:\s*"([^"]{1,30})"|(?:try|retry)(?:ing)?(?: your request)?(?: again)? (?:in|after) ([\dhms. ]{1,30}(?:seconds?|minutes?)?)/i.exec(
      body.slice(0, 20_000),
    );
  return duration((said?.[1] ?? said?.[2] ?? '').trim());
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 };
const DURATION = /^(?:(\d+(?:\.\d+)?)\s*(ms|h|m(?:inutes?)?|s(?:econds?)?)\.?\s*)+$/i;

/** `1h2m3s`, `1500ms`, `34 seconds` in seconds. */
function duration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let seconds = 0;
  for (const [, count, unit = 's'] of text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|h|m|s)/gi)) {
    seconds += Number(count) * (UNIT_SECONDS[unit.toLowerCase()] ?? 0);
  }
  return seconds;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
