import { describe, expect, it } from 'vitest';
import { retryAfterSeconds } from './retry-after.ts';

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
  ])('%j %s is %s', (headers, body, seconds) => {
    expect(retryAfterSeconds(headers, body)).toBe(seconds);
  });

  it('measures a date against the given clock when the answer has no date, and not at all without a clock', () => {
    expect(retryAfterSeconds({ 'retry-after': DATE }, '', Date.parse('2026-10-21T07:27:59.500Z'))).toBe(0.5);
    expect(retryAfterSeconds({ 'retry-after': DATE }, '')).toBeUndefined();
  });
});
