import { describe, expect, it } from 'vitest';
import { FAILURE_RULES, FALLBACK_REASONS, movesOn } from './failure-rules.ts';

describe('moving on to the next target', () => {
  it('follows the table where nothing is configured', () => {
    expect(movesOn({ class: 'quota', upstreamStatus: 402 }, false, undefined)).toBe(true);
    expect(movesOn({ class: 'credential', upstreamStatus: 401 }, false, undefined)).toBe(false);
  });

  it.each([401, 402, 403])("does not leave the client's own login for %i unless that is asked for", (status) => {
    expect(movesOn({ class: 'quota', upstreamStatus: status }, true, undefined)).toBe(false);
    expect(movesOn({ class: 'quota', upstreamStatus: status }, true, ['quota'])).toBe(true);
  });

  it("leaves the client's own login for a used-up plan and a full provider", () => {
    expect(movesOn({ class: 'quota', upstreamStatus: 429 }, true, undefined)).toBe(true);
    expect(movesOn({ class: 'overloaded', upstreamStatus: 529 }, true, undefined)).toBe(true);
  });

  it('what is configured is all that moves on', () => {
    expect(movesOn({ class: 'credential' }, false, ['credential'])).toBe(true);
    expect(movesOn({ class: 'overloaded' }, false, ['credential'])).toBe(false);
    expect(movesOn({ class: 'overloaded' }, false, [])).toBe(false);
  });

  it('what is too long stays, for the client to compact, unless that is asked for', () => {
    for (const failure of ['context_overflow', 'too_large'] as const) {
      expect(movesOn({ class: failure }, false, undefined)).toBe(false);
      expect(movesOn({ class: failure }, false, ['quota'])).toBe(false);
      expect(movesOn({ class: failure }, false, ['context_overflow', 'too_large'])).toBe(true);
    }
  });

  it('a compaction that is too long moves on whatever is configured, and for nothing else that stays', () => {
    expect(movesOn({ class: 'context_overflow' }, true, [], true)).toBe(true);
    expect(movesOn({ class: 'too_large' }, false, undefined, true)).toBe(true);
    expect(movesOn({ class: 'credential' }, false, undefined, true)).toBe(false);
    expect(movesOn({ class: 'overloaded' }, false, [], true)).toBe(false);
  });

  it('what is the same everywhere cannot be named', () => {
    const named: readonly string[] = Object.values(FALLBACK_REASONS).flat();
    for (const never of ['invalid_request', 'content_policy', 'output_overflow', 'aborted', 'thinking_signature'])
      expect(named).not.toContain(never);
    for (const [failure, rule] of Object.entries(FAILURE_RULES)) if (rule.nextTarget) expect(named).toContain(failure);
  });
});
