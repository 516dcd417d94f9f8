import { existsSync, readFileSync } from 'node:fs';

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

/**
 * The numbers of one run from its JSON report and exit code. A file that could not be loaded has no test that failed,
 * and neither has a fault outside of all tests: each counts as one failure, and so does a report that is missing or
 * breaks off, so that no broken run looks whole.
 */
export function readTotals(reportPath: string, exitCode: number): Totals {
  const report = readReport(reportPath);
  return report === undefined ? { passed: 0, failed: 1, skipped: 0 } : totalsOf(report, exitCode);
}

function readReport(path: string): Report | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}

export function totalsOf(report: Report, exitCode: number): Totals {
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

export function sumTotals(totals: readonly Totals[]): Totals {
  const sum = (pick: (one: Totals) => number): number => totals.reduce((total, one) => total + pick(one), 0);
  return { passed: sum((one) => one.passed), failed: sum((one) => one.failed), skipped: sum((one) => one.skipped) };
}

/** `12 passed, 0 failed`, and the skipped ones if there are any. */
export function formatTotals({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
