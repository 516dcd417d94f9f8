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

/** A terminal in which the keys are typed one after the other, each when the prompt has drawn itself. */
function typed(...keys: string[]) {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
  let drawn = '';
  const sink = Object.assign(
    new Writable({
      write: (chunk, _encoding, done) => {
        drawn += String(chunk);
        done();
      },
    }),
    { isTTY: true, columns: 80, rows: 24 },
  );
  const type = async () => {
    for (const key of keys) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      input.write(key);
    }
  };
  const questions = openQuestions({ streams: { in: input, out: sink, err: sink } } as unknown as App);
  return { questions, type, drawn: () => drawn };
}

describe('answers of a person', () => {
  const ENTER = '\r';
  const BACKSPACE = '\u007f';

  it('that fit nothing of a list are not taken', async () => {
    const { questions, type, drawn } = typed('x', 'y', ENTER, BACKSPACE, BACKSPACE, 'b', ENTER);
    const choices = ['alpha', 'beta'].map((value) => ({ value, label: value }));
    const answer = questions.choose('Which?', choices);
    await type();
    expect(await answer).toBe('beta');
    expect(drawn()).toContain('Nothing fits what is typed');
  });

  it('that are blank are not taken, but for a default', async () => {
    const name = typed(ENTER, 'n', ENTER);
    const answer = name.questions.text('Name?');
    await name.type();
    expect(await answer).toBe('n');
    const byDefault = typed(ENTER);
    const other = byDefault.questions.text('Name?', 'deep');
    await byDefault.type();
    expect(await other).toBe('deep');
  });

  it('that are secret are not shown', async () => {
    const { questions, type, drawn } = typed('k', '3', 'y', 'z', ENTER);
    const answer = questions.secret('Key?');
    await type();
    expect(await answer).toBe('k3yz');
    expect(drawn()).not.toMatch(/k3|3y|yz/);
  });

  it('that break off cancel', async () => {
    const { questions, type } = typed('\u0003');
    const answer = questions.agree('Sure?', true);
    const refused = expect(answer).rejects.toMatchObject({ code: 'cancelled' });
    await type();
    await refused;
  });
});

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
