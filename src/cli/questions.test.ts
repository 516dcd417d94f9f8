import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { App } from './app.ts';
import { findChoices, isFuzzyMatch, openQuestions } from './questions.ts';

function piped(text: string) {
  const input = new PassThrough();
  input.end(text);
  const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
  return openQuestions({ streams: { in: input, out: sink, err: sink } } as unknown as App);
}

describe('answers from a pipe', () => {
  it('are taken line by line, an empty line for the default', async () => {
    const questions = piped('one\r\n\n y \nb\n');
    expect(questions.interactive).toBe(false);
    expect(await questions.text('first?')).toBe('one');
    expect(await questions.text('second?', 'two')).toBe('two');
    expect(await questions.agree('third?', false)).toBe(true);
    expect(await questions.choose('fourth?', [{ value: 'B', label: 'b' }])).toBe('B');
  });

  it('that end take no default and give no consent', async () => {
    await expect(piped('').agree('sure?', true)).rejects.toMatchObject({ code: 'usage' });
    await expect(piped('').text('name?', 'x')).rejects.toMatchObject({ code: 'usage' });
  });

  it('of another form are refused', async () => {
    await expect(piped('perhaps\n').agree('sure?', true)).rejects.toMatchObject({ hint: 'y or n' });
    const choices = [{ value: 'a', label: 'A' }];
    await expect(piped('z\n').choose('which?', choices)).rejects.toMatchObject({ hint: 'One of: a' });
  });
});

describe('a search', () => {
  it.each([
    ['dsr', 'deepseek:deepseek-reasoner'],
    ['GLM', 'glm-5'],
    ['reas deep', 'deepseek:deepseek-reasoner'],
    ['', 'anything'],
  ])('%j finds %s', (search, text) => expect(isFuzzyMatch(search, text)).toBe(true));

  it.each([
    ['xyz', 'deepseek'],
    ['deepseek claude', 'deepseek'],
    ['reason', 'opus'],
  ])('%j does not find %s', (search, text) => expect(isFuzzyMatch(search, text)).toBe(false));

  it('for a name that stands there finds nothing that only has its letters', () => {
    const login = { value: 'subscription', label: 'Your own Claude login', hint: 'no key' };
    const corp = { value: 'corp', label: 'corp' };
    expect(findChoices('corp', [login, corp])).toEqual([corp]);
    expect(findChoices('crp', [login, corp])).toEqual([login, corp]);
    expect(findChoices('', [login, corp])).toEqual([login, corp]);
  });

  it('finds a text by any of its letters in order', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z:.-]{1,30}$/), fc.func(fc.boolean()), (text, keep) => {
        expect(isFuzzyMatch([...text].filter((_, at) => keep(at)).join(''), text)).toBe(true);
      }),
    );
  });
});
