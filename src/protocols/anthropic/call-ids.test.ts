import { describe, expect, it } from 'vitest';
import type { Block, Message } from '../../core/messages.ts';
import { withUniqueIds } from './call-ids.ts';

const user = (...content: Block[]): Message => ({ role: 'user', content });
const assistant = (...content: Block[]): Message => ({ role: 'assistant', content });
const call = (id: string): Block => ({ type: 'tool_use', id, name: 'Read', input: {} });
const result = (id: string): Block => ({ type: 'tool_result', tool_use_id: id, content: 'ok' });

describe('an id that several calls have', () => {
  it('goes to each of them with its own result', () => {
    expect(withUniqueIds([assistant(call('a'), call('a')), user(result('a'), result('a'))])).toEqual([
      assistant(call('a'), call('a_2')),
      user(result('a'), result('a_2')),
    ]);
    expect(withUniqueIds([assistant(call('a')), user(result('a')), assistant(call('a')), user(result('a'))])).toEqual([
      assistant(call('a')),
      user(result('a')),
      assistant(call('a_2')),
      user(result('a_2')),
    ]);
  });

  it('leaves a result with the nearest call when an earlier one never got any', () => {
    expect(withUniqueIds([assistant(call('a')), assistant(call('a')), user(result('a'), result('a'))])).toEqual([
      assistant(call('a')),
      assistant(call('a_2')),
      user(result('a_2'), result('a_2')),
    ]);
  });

  it('stays with what has no call', () => {
    const orphan = [user(result('a'))];
    expect(withUniqueIds(orphan)).toBe(orphan);
  });
});
