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
    /"retryDelay"\s*:\s*"([^"]{1,30})"|(?:try|retry)(?:ing)?(?: your request)?(?: again)? (?:in|after) ([\dhms. ]{1,30}(?:seconds?|minutes?)?)|\bwait ([\dhms. ]{1,30}(?:seconds?|minutes?)?) before/i.exec(
      body.slice(0, 20_000),
    );
  return duration((said?.[1] ?? said?.[2] ?? said?.[3] ?? '').trim());
}

/** Headers that tell when a limit is filled again: as seconds or milliseconds of the epoch, or as a wait. Each with the
 * one that tells whether it is this limit that is used up, and the words of that. Longer limits stand before shorter. */
const RESET_HEADERS: readonly (readonly [reset: string, state: string, usedUp: RegExp])[] = [
  ['anthropic-ratelimit-unified-reset', 'anthropic-ratelimit-unified-status', /^rejected$/],
  ['x-ratelimit-reset', 'x-ratelimit-remaining', /^(?:0|)$/],
  ['ratelimit-reset', 'ratelimit-remaining', /^(?:0|)$/],
  ...['requests-day', 'requests', 'tokens-minute', 'tokens'].map(
    (limit) => [`x-ratelimit-reset-${limit}`, `x-ratelimit-remaining-${limit}`, /^0$/] as const,
  ),
];
/** The same in a body, where headers of somebody further up may be quoted. */
const RESET_IN_BODY = /"(?:x-ratelimit-reset|resets?_at|resets?_in_seconds|reset_time)"\s*:\s*"?([^",}]{1,40})/i;
/** `will reset at 2026-01-02T18:00:00Z`, `resets in 3h 12m`. A time without its zone is not used: it may be anybody's. */
const RESET_SAID =
  /\bresets? (?:(at|on) (\d{4}-\d\d-\d\d[T ][\d:.]+ ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))|(?:in|after) ([\dhmsd. ]{1,30}(?:seconds?|minutes?|hours?|days?)?))/i;
const EPOCH_S = 1e9;
const EPOCH_MS = 1e12;

/**
 * Seconds until a limit that is used up is filled again, as far as the upstream tells it beside `retry-after`; measured
 * like a date there. To be asked for limits only: some answers carry such headers always.
 */
export function resetSeconds(headers: HeaderMap, body: string, nowMs?: number): number | undefined {
  const date = Date.parse(single(headers.date) ?? '');
  const now = Number.isNaN(date) ? nowMs : date;
  const text = body.slice(0, 20_000);
  const used = RESET_HEADERS.filter(([, state, usedUp]) => usedUp.test(single(headers[state])?.trim() ?? ''));
  const told = [...used.map(([name]) => single(headers[name])), RESET_IN_BODY.exec(text)?.[1]];
  for (const one of told) {
    const seconds = one === undefined ? undefined : untilReset(one.trim(), now);
    if (seconds !== undefined) return seconds;
  }
  const [, , at, wait] = RESET_SAID.exec(text) ?? [];
  if (at !== undefined) return untilReset(at, now);
  return wait === undefined ? undefined : duration(wait.trim());
}

function untilReset(text: string, nowMs: number | undefined): number | undefined {
  if (!/^\d+(?:\.\d+)?$/.test(text)) return duration(text) ?? until(Date.parse(text), nowMs);
  const number = Number(text);
  if (number < EPOCH_S) return number;
  return until(number < EPOCH_MS ? number * 1000 : number, nowMs);
}

function until(atMs: number, nowMs: number | undefined): number | undefined {
  return Number.isNaN(atMs) || nowMs === undefined ? undefined : Math.max(0, (atMs - nowMs) / 1000);
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { d: 86_400, h: 3600, m: 60, s: 1, ms: 0.001 };
const DURATION = /^(?:(\d+(?:\.\d+)?)\s*(ms|d(?:ays?)?|h(?:ours?)?|m(?:inutes?)?|s(?:econds?)?)\.?\s*)+$/i;

/** `1h2m3s`, `1500ms`, `34 seconds` in seconds. */
function duration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let seconds = 0;
  for (const [, count, unit = 's'] of text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|d|h|m|s)/gi)) {
    seconds += Number(count) * (UNIT_SECONDS[unit.toLowerCase()] ?? 0);
  }
  return seconds;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
