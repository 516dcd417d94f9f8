import { describe, expect, it } from 'vitest';
import { resetSeconds, retryAfterSeconds } from './retry-after.ts';

const DATE = 'Wed, 21 Oct 2026 07:28:00 GMT';

describe('the wait that an upstream asks for', () => {
  it.each([
    [{ 'retry-after': '7' }, '', 7],
    [{ 'retry-after': ['8', '9'] }, '', 8],
    [{ 'retry-after': '1.2' }, '', 1.2],
    [{ 'retry-after': '0' }, '', 0],
    [{ 'retry-after': '1500ms' }, '', 1.5],
    [{ 'retry-after': '1m30s' }, '', 90],
    [{ 'retry-after': '999999' }, '', 999999],
    [{ 'retry-after-ms': '800' }, '', 0.8],
    [{ 'retry-after-ms': '800', 'retry-after': '60' }, '', 0.8],
    [{ 'retry-after': DATE, date: 'Wed, 21 Oct 2026 07:27:30 GMT' }, '', 30],
    [{ 'retry-after': DATE, date: 'Wed, 21 Oct 2026 07:29:00 GMT' }, '', 0],
    [{ 'retry-after': 'abc' }, '', undefined],
    [{ 'retry-after': '-5' }, '', undefined],
    [{ 'retry-after': '' }, '', undefined],
    [{ 'retry-after-ms': '-1' }, '', undefined],
    [{}, 'nothing of the kind', undefined],
    [{}, 'Rate limit reached. Please try again in 1h2m3s. Visit', 3723],
    [{}, 'Please try again in 1.5s.', 1.5],
    [{}, 'Please retry after 34 seconds.', 34],
    [{}, '{"error":{"details":[{"@type":"RetryInfo","retryDelay": "34s"}]}}', 34],
    [{ 'retry-after': 'abc' }, 'try again in 20s', 20],
    [
      {},
      'Rate limit of 50 per 86400s exceeded for UserByModelByDay. Please wait 38505 seconds before retrying.',
      38505,
    ],
    [{}, 'wait before retrying', undefined],
  ])('%j %s is %s', (headers, body, seconds) => {
    expect(retryAfterSeconds(headers, body)).toBe(seconds);
  });

  it('measures a date against the given clock when the answer has no date, and not at all without a clock', () => {
    expect(retryAfterSeconds({ 'retry-after': DATE }, '', Date.parse('2026-10-21T07:27:59.500Z'))).toBe(0.5);
    expect(retryAfterSeconds({ 'retry-after': DATE }, '')).toBeUndefined();
  });
});

describe('the time until a limit is filled again', () => {
  const now = { date: 'Wed, 21 Oct 2026 07:28:00 GMT' };
  const epoch = Date.parse(now.date) / 1000;
  it.each([
    [
      {
        'anthropic-ratelimit-unified-reset': String(epoch + 7_200),
        'anthropic-ratelimit-unified-status': 'rejected',
      },
      '',
      7_200,
    ],
    [
      {
        'anthropic-ratelimit-unified-reset': String(epoch + 7_200),
        'anthropic-ratelimit-unified-status': 'allowed',
      },
      '',
      undefined,
    ],
    [{ 'x-ratelimit-reset': '45', 'x-ratelimit-remaining': '3' }, '', undefined],
    [{ 'x-ratelimit-reset': '45', 'x-ratelimit-remaining': '0' }, '', 45],
    [{ 'x-ratelimit-reset': String((epoch + 60) * 1000) }, '', 60],
    [{ 'x-ratelimit-reset': '45' }, '', 45],
    [{ 'x-ratelimit-reset': '6m0s' }, '', 360],
    [{ 'ratelimit-reset': '12.5' }, '', 12.5],
    [{ 'x-ratelimit-reset-tokens': '7.66s', 'x-ratelimit-remaining-tokens': '0' }, '', 7.66],
    [{ 'x-ratelimit-reset-tokens': '7.66s', 'x-ratelimit-remaining-tokens': '12' }, '', undefined],
    [{ 'x-ratelimit-reset-tokens': '7.66s' }, '', undefined],
    [{ 'x-ratelimit-reset-tokens-minute': '11.4', 'x-ratelimit-remaining-tokens-minute': '0' }, '', 11.4],
    [
      {
        'x-ratelimit-reset-requests': '2m59.56s',
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests-day': '33011.3',
        'x-ratelimit-remaining-requests-day': '0',
      },
      '',
      33011.3,
    ],
    [{}, `{"error":{"metadata":{"headers":{"X-RateLimit-Reset":"${(epoch + 3_600) * 1000}"}}}}`, 3_600],
    [{}, `{"error":{"type":"usage_limit_reached","resets_in_seconds":1234}}`, 1_234],
    [{}, `{"error":{"resets_at":${epoch + 10}}}`, 10],
    [{}, `{"resets_at":"2026-10-21T09:28:00Z"}`, 7_200],
    [{}, 'Your limit will reset at 2026-10-21 08:28:00 UTC', 3_600],
    [{}, 'Your limit will reset at 2026-10-21T08:28:00+00:00.', 3_600],
    [{}, 'It resets in 3h 12m.', 11_520],
    [{}, 'Your quota will reset after 2 days', 172_800],
    [{}, 'Your limit will reset at 2026-10-21 18:00:00', undefined],
    [{ 'x-ratelimit-reset': 'soon' }, '', undefined],
    [{ 'x-ratelimit-reset': String(epoch - 50) }, '', 0],
    [{}, '{"reset_time":""}', undefined],
    [{}, 'reset your password', undefined],
  ])('%j %s is %s', (headers, body, seconds) => {
    expect(resetSeconds({ ...now, ...headers }, body)).toBe(seconds);
  });

  it('is not known without a clock', () => {
    expect(resetSeconds({ 'x-ratelimit-reset': String(epoch) }, '')).toBeUndefined();
    expect(resetSeconds({ 'x-ratelimit-reset': String(epoch) }, '', (epoch - 5) * 1000)).toBe(5);
  });
});
