import { describe, expect, it } from 'vitest';
import { formatTotals, sumTotals, totalsOf } from '../scripts/totals.ts';

const passing = { status: 'passed', assertionResults: [{ status: 'passed' }] };
const report = { numPassedTests: 1, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [passing] };

describe('the totals of a run', () => {
  it('count what passed, failed and was skipped', () => {
    const one = totalsOf({ ...report, numPassedTests: 5, numFailedTests: 2, numPendingTests: 1, numTodoTests: 1 }, 1);
    expect(one).toEqual({ passed: 5, failed: 2, skipped: 2 });
    expect(formatTotals(sumTotals([one, totalsOf(report, 0)]))).toBe('6 passed, 2 failed, 2 skipped');
  });

  it('count a file that could not be loaded as a failure', () => {
    const broken = { status: 'failed', assertionResults: [] };
    expect(totalsOf({ ...report, testResults: [passing, broken, broken] }, 1).failed).toBe(2);
  });

  it('count a failure outside of all tests', () => {
    expect(totalsOf(report, 1).failed).toBe(1);
    expect(totalsOf(report, 0).failed).toBe(0);
  });

  it('leave the skipped ones out when there are none', () => {
    expect(formatTotals(totalsOf(report, 0))).toBe('1 passed, 0 failed');
  });
});
