import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { fastest } from '../support/fastest.ts';
import { type Installation, install } from '../support/gateway-process.ts';
import { type ScriptedUpstream, startUpstream, type UpstreamRequest } from '../support/scripted-upstream.ts';
import type { Terminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

interface Stage {
  readonly up1: ScriptedUpstream;
  readonly up2: ScriptedUpstream;
  readonly machine: Installation;
}

async function stage(config?: string): Promise<Stage> {
  const [up1, up2] = await Promise.all([startUpstream({ name: 'up1' }), startUpstream({ name: 'up2' })]);
  onTestFinished(async () => {
    await Promise.all([up1.close(), up2.close()]);
  });
  const machine = await install({
    upstreams: { up1, up2 },
    config: ['aliases: { ds: up2 }', config ?? ''].join('\n'),
  });
  return { up1, up2, machine };
}

async function openSession(machine: Installation, ...args: string[]): Promise<Terminal> {
  const terminal = await machine.open(['up1', '--permission-mode', 'manual', ...args]);
  await terminal.waitFor('❯');
  await terminal.idle(300);
  return terminal;
}

async function askFor(terminal: Terminal, question: string, answer: string): Promise<void> {
  await terminal.submit(question);
  await terminal.waitFor(answer);
  await terminal.idle(400);
}

/** Turns of both upstreams, so that a switch can be shown to have made none. */
function turns({ up1, up2 }: Stage): number {
  return up1.turns().length + up2.turns().length;
}

interface ListedSession {
  readonly id: string;
  readonly reference: string;
  readonly sinceMs: number;
}

async function sessions(machine: Installation): Promise<ListedSession[]> {
  return JSON.parse((await machine.midswap(['sessions', '--json'])).stdout) as ListedSession[];
}

it('an open session is switched from another terminal and back, and the conversation goes on', async () => {
  const s = await stage();
  const terminal = await openSession(s.machine);
  await askFor(terminal, 'first question', 'reply from up1');
  const before = turns(s);
  const use = await s.machine.midswap(['use', 'up2']);
  expect([use.code, use.stderr]).toEqual([0, '']);
  expect(turns(s)).toBe(before);
  await askFor(terminal, 'second question', 'reply from up2');
  expect(s.up2.turns().at(-1)?.raw.toString()).toContain('first question');
  expect((await s.machine.midswap(['use', '--undo'])).code).toBe(0);
  const asked = s.up1.turns().length;
  await terminal.submit('third question');
  await until('the first upstream is asked again', () => s.up1.turns().length > asked);
  expect(s.up1.turns().at(-1)?.raw.toString()).toContain('second question');
});

it('the slash command switches from inside, with no request to any model and in less than 100 ms', async () => {
  const s = await stage();
  const terminal = await openSession(s.machine);
  await askFor(terminal, 'first question', 'reply from up1');
  const before = turns(s);
  const switchMs = await fastest(100, async (round) => {
    const target = round % 2 === 0 ? 'up2' : 'up1';
    await terminal.type(`/midswap:use ${target}`);
    await terminal.waitFor(`/midswap:use ${target}`);
    await terminal.idle(200);
    const at = Date.now();
    await terminal.keys('Enter');
    await until(`the session is on ${target}`, async () => (await sessions(s.machine))[0]?.reference === target);
    const [session] = await sessions(s.machine);
    await terminal.idle(300);
    return (session?.sinceMs ?? Number.NaN) - at;
  });
  expect(switchMs).toBeLessThan(100);
  expect(turns(s)).toBe(before);
  const [session] = await sessions(s.machine);
  await askFor(terminal, 'second question', `reply from ${session?.reference}`);
});

it('a shim on the session’s PATH switches from inside, with no request to any model, while the backend is dead', async () => {
  const s = await stage();
  const terminal = await openSession(s.machine);
  await askFor(terminal, 'first question', 'reply from up1');
  await s.up1.close();
  const before = turns(s);
  await terminal.submit('!ds');
  await until('the session is on up2', async () => /^(ds|up2)$/.test((await sessions(s.machine))[0]?.reference ?? ''));
  await terminal.idle(400);
  expect(turns(s)).toBe(before);
  await askFor(terminal, 'second question', 'reply from up2');
});

it('an answer that is under way finishes on the upstream it began on', async () => {
  const s = await stage();
  s.up1.wire = { eventDelayMs: 250 };
  const terminal = await openSession(s.machine);
  s.up1.play('slow', ['the slow answer of the first one']);
  await terminal.submit('play:slow');
  await s.up1.waitFor((request) => request.raw.includes('play:slow') && request.body?.stream === true);
  await s.machine.midswap(['use', 'up2']);
  await terminal.waitFor('the slow answer of the first one');
  await askFor(terminal, 'and now', 'reply from up2');
});

it('a fixed session refuses to be switched and stays where it is', async () => {
  const s = await stage();
  const terminal = await openSession(s.machine, '--no-dynamic');
  const use = await s.machine.midswap(['use', 'up2']);
  expect(use.code).not.toBe(0);
  expect(use.stderr).toMatch(/fixed|dynamic/);
  await askFor(terminal, 'a question', 'reply from up1');
});

it('an unknown name switches nothing and says what is near', async () => {
  const s = await stage();
  const terminal = await openSession(s.machine);
  const use = await s.machine.midswap(['use', 'upp2']);
  expect(use.code).not.toBe(0);
  expect(use.stderr).toContain('up2');
  await askFor(terminal, 'a question', 'reply from up1');
});

it('a change of the configuration reaches a running session, and a broken one does not', async () => {
  const s = await stage();
  const terminal = await openSession(s.machine);
  await askFor(terminal, 'first question', 'reply from up1');
  const file = join(s.machine.midswapHome, 'config.yaml');
  const good = readFileSync(file, 'utf8');
  writeFileSync(file, good.replace('aliases: { ds: up2 }', 'aliases: { ds: up2, fresh: up2 }'));
  await until('the new alias is known', async () => (await s.machine.midswap(['use', 'fresh'])).code === 0);
  await askFor(terminal, 'second question', 'reply from up2');
  writeFileSync(file, 'profiles: [broken');
  await terminal.idle(800);
  await terminal.submit('third question');
  await until('the third question is answered', () =>
    s.up2.turns().some((turn) => turn.raw.includes('third question')),
  );
  writeFileSync(file, good);
  expect((await s.machine.midswap(['use', 'up1'])).code).toBe(0);
});

it('of several sessions one is switched and the others stay', async () => {
  const s = await stage();
  const terminals = await Promise.all([openSession(s.machine), openSession(s.machine), openSession(s.machine)]);
  const list = await sessions(s.machine);
  expect(new Set(list.map((session) => session.id)).size).toBe(3);
  const ambiguous = await s.machine.midswap(['use', 'up2']);
  expect(ambiguous.code).not.toBe(0);
  for (const { id } of list) expect(ambiguous.stderr).toContain(id);
  const chosen = list[1]?.id ?? '';
  expect((await s.machine.midswap(['use', 'up2', '--session', chosen])).code).toBe(0);
  const after = await sessions(s.machine);
  expect(after.filter((session) => session.reference === 'up2').map((session) => session.id)).toEqual([chosen]);
  await Promise.all(terminals.map((terminal) => terminal.submit('hello')));
  const screens = await Promise.all(terminals.map((terminal) => terminal.waitFor(/reply from up[12]/)));
  expect(screens.filter((screen) => screen.includes('reply from up2'))).toHaveLength(1);
  expect((await s.machine.midswap(['use', 'up2', '--all'])).code).toBe(0);
  expect((await sessions(s.machine)).map((session) => session.reference)).toEqual(['up2', 'up2', 'up2']);
});

it('Esc closes the request to the upstream within 100 ms', async () => {
  const s = await stage();
  const terminal = await openSession(s.machine);
  const closeMs = await fastest(100, async (round) => {
    const word = `wait-${round}-here`;
    const isTurn = (request: UpstreamRequest): boolean => request.raw.includes(word) && request.body?.stream === true;
    s.up1.fail({ mode: 'stall', afterEvents: 4, match: { when: isTurn } });
    await terminal.submit(word);
    const request = await s.up1.waitFor((one) => isTurn(one) && one.sentBytes > 400);
    await terminal.waitFor('esc to interrupt');
    const at = performance.now();
    await terminal.keys('Escape');
    await until('the upstream saw the end', () => request.closedAtMs !== undefined, 2_000);
    s.up1.clearFaults();
    await terminal.idle(300);
    // The client puts an interrupted prompt back into its input.
    await terminal.keys('C-u');
    return (request.closedAtMs ?? Number.NaN) - at;
  });
  expect(closeMs).toBeLessThan(100);
  await askFor(terminal, 'go on', 'reply from up1');
});

it('/model lists the profiles, takes what resolves, and refuses what does not, without asking an upstream', async () => {
  const s = await stage();
  const terminal = await openSession(s.machine);
  await terminal.submit('/model no-such-model-anywhere');
  await terminal.waitFor("Model 'no-such-model-anywhere' not found");
  await terminal.idle(300);
  await terminal.submit('/model');
  const list = await terminal.waitFor(/Select model/);
  for (const name of ['up1', 'up2', 'ds']) expect(list).toMatch(new RegExp(`\\b${name}\\b`));
  await terminal.keys('Escape');
  await terminal.idle(300);
  expect(turns(s)).toBe(0);
  await terminal.submit('/model up2');
  await terminal.waitFor('Set model to');
  expect(turns(s)).toBe(0);
  await terminal.idle(300);
  await askFor(terminal, 'a question', 'reply from up2');
});
