import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bus } from '../core/bus.ts';
import { SessionTable } from '../gateway/session.ts';
import { sampleResolve, sampleSnapshot } from './control.fixture.ts';
import { answerPrompt, parsePromptCommand } from './prompt.ts';
import { createSessionControl } from './sessions.ts';

const snapshot = sampleSnapshot();
const control = createSessionControl({
  gatewayId: 'gw',
  bus: new Bus(),
  resolve: sampleResolve,
  snapshot: () => snapshot,
  port: () => 1,
  nowMs: () => 1,
});
const open = (dynamic = true) =>
  new SessionTable().open({
    selection: { reference: 'alpha', slots: {}, sinceMs: 0 },
    dynamic,
    cwd: '/tmp',
    label: 'alpha',
    nowMs: 0,
  });

describe('a prompt for midswap', () => {
  it.each([
    ['/midswap:use beta', { reference: 'beta' }],
    ['  /midswap:use  beta  ', { reference: 'beta' }],
    ['/midswap:use beta:beta-small --slot haiku', { reference: 'beta:beta-small', slot: 'haiku' }],
    ['/midswap:use beta --slot=haiku', { reference: 'beta', slot: 'haiku' }],
    ['/midswap:use beta haiku', { reference: 'beta', slot: 'haiku' }],
    ['/midswap:use haiku', { reference: 'haiku' }],
    ['/midswap:use --undo', { undo: true }],
    ['/midswap:use beta --dry-run', { reference: 'beta', dryRun: true }],
    ['swap beta', { reference: 'beta' }],
    ['Swap beta\n', { reference: 'beta' }],
    ['swap back', { undo: true }],
  ])('%j is a switch', (prompt, request) => {
    expect(parsePromptCommand(prompt)).toMatchObject({ kind: 'use', request });
  });

  it.each(['/midswap:use beta gamma', '/midswap:use beta --slot main', '/midswap:use --fast', '/midswap:use b --undo'])(
    '%j is told its fault',
    (prompt) => {
      expect(parsePromptCommand(prompt)).toMatchObject({ kind: 'fault' });
    },
  );

  it.each([
    '',
    'swap',
    'swap the two arguments',
    'please swap beta',
    '/midswap:used beta',
    '/midswap',
    '/use beta',
    'swapbeta',
  ])('%j goes to the model', (prompt) => {
    expect(parsePromptCommand(prompt)).toBeUndefined();
  });

  it('switches and says where to, without a request', () => {
    const session = open();
    expect(answerPrompt('swap beta', session, control, snapshot)).toEqual({
      continue: false,
      stopReason: expect.stringMatching(/^midswap: alpha -> beta \(.*api\.beta\.test/),
    });
    expect(session.selection.reference).toBe('beta');
  });

  it.each([
    ['/midswap:use delta', /delta/],
    ['/midswap:use variables', /variables/],
    ['/midswap:use gamma', /GAMMA_API_KEY/],
    ['swap gamma', /GAMMA_API_KEY/],
    ['swap betta', /betta/],
    ['swap beta2:model', /beta2/],
  ])('%j is told what is wrong and changes nothing', (prompt, reason) => {
    const session = open();
    expect(answerPrompt(prompt, session, control, snapshot)).toMatchObject({
      continue: false,
      stopReason: expect.stringMatching(reason),
    });
    expect(session.selection.reference).toBe('alpha');
  });

  it('leaves "swap variables" to the model, because no name is near it', () => {
    expect(answerPrompt('swap variables', open(), control, snapshot)).toEqual({});
  });

  it('shows status and choices', () => {
    expect(answerPrompt('/midswap:status', open(), control, snapshot)).toMatchObject({
      stopReason: 'midswap: alpha · alpha-large · api.alpha.test',
    });
    const { stopReason } = answerPrompt('/midswap:use', open(), control, snapshot) as { stopReason: string };
    expect(stopReason).toContain('profiles: alpha, beta, and 1 without a key');
    expect(stopReason).toContain('b = beta:beta-small');
  });

  it('refuses a fixed session in words', () => {
    expect(answerPrompt('swap beta', open(false), control, snapshot)).toMatchObject({
      stopReason: expect.stringContaining('fixed'),
    });
  });

  it('whatever is typed, the answer is empty or stops with a reason', () => {
    const words = fc.constantFrom(
      '/midswap:use',
      '/midswap:status',
      'swap',
      'beta',
      '--slot',
      'haiku',
      '--undo',
      '\n',
      'x',
    );
    const prompts = fc.oneof(
      fc.string(),
      fc.array(words, { maxLength: 6 }).map((parts) => parts.join(' ')),
    );
    fc.assert(
      fc.property(prompts, (prompt) => {
        const answer = answerPrompt(prompt, open(), control, snapshot);
        if ('continue' in answer) expect(answer.stopReason.length).toBeGreaterThan('midswap: '.length);
        else expect(answer).toEqual({});
      }),
    );
  });
});
