import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callControl } from './client.ts';
import type { SessionInfo } from './contract.ts';
import { type RunningControl, startControl } from './control.fixture.ts';
import { defaultSession, discover, type FoundSession, findOwnEndpoint, pickSession } from './discovery.ts';
import { writeRecord } from './registry.ts';

const found = (id: string, pid: number | null = null, mode: 'dynamic' | 'fixed' = 'dynamic'): FoundSession => ({
  info: { id, pid, mode, reference: 'alpha' } as SessionInfo,
  endpoint: { host: '127.0.0.1', port: 1, controlToken: 'x' },
});
const sessions = [found('k3f9', 100), found('k3z2', 200), found('m7m7', 300, 'fixed')];

describe('picking a session', () => {
  it.each([
    ['k3f9', 'k3f9'],
    ['K3F9', 'k3f9'],
    ['k3f', 'k3f9'],
    ['m', 'm7m7'],
    ['200', 'k3z2'],
    ['300', 'm7m7'],
  ])('%s is %s', (wanted, id) => {
    expect(pickSession(sessions, wanted).info.id).toBe(id);
  });

  it('a whole id wins over being the prefix of a longer one', () => {
    expect(pickSession([found('k3f9'), found('k3f9x')], 'k3f9').info.id).toBe('k3f9');
  });

  it.each([
    ['k3', 'ambiguous_session', /k3f9 .*k3z2/],
    ['zz', 'unknown_session', /"zz"/],
    ['20', 'unknown_session', /"20"/],
    ['', 'unknown_session', /""/],
  ])('%j is %s', (wanted, code, message) => {
    expect(() => pickSession(sessions, wanted)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  it('without a name is the one around us, else the only one that can be switched, else an error that lists them', () => {
    expect(pickSession(sessions, undefined, 'm7m7').info.id).toBe('m7m7');
    expect(pickSession(sessions.slice(1), undefined).info.id).toBe('k3z2');
    expect(pickSession(sessions.slice(1), undefined, 'gone').info.id).toBe('k3z2');
    expect(() => pickSession(sessions, undefined)).toThrow(/k3f9 .*k3z2/);
    expect(() => pickSession([sessions[2] as FoundSession], undefined)).toThrow(/no session can be switched/);
    expect(() => pickSession([], undefined)).toThrow(/no session is running/);
    expect(defaultSession(sessions, undefined)).toBeUndefined();
  });
});

describe('discovery', () => {
  let stateDir: string;
  const running: RunningControl[] = [];
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'midswap-discovery-'));
  });
  afterEach(async () => {
    for (const gateway of running.splice(0)) await gateway.close();
    rmSync(stateDir, { recursive: true, force: true });
  });
  const start = async (gatewayId: string) => {
    const gateway = await startControl(gatewayId);
    running.push(gateway);
    const session = gateway.open();
    writeRecord(stateDir, {
      version: 1,
      gatewayId,
      pid: process.pid,
      host: '127.0.0.1',
      port: gateway.port,
      startedAtMs: 1,
      controlToken: gateway.endpoint.controlToken,
      sessions: [{ id: session.id, controlToken: session.controlSecret.reveal(), pid: null, label: 'alpha' }],
    });
    return { gateway, session };
  };

  it('finds the sessions of every gateway', async () => {
    const one = await start('gw1');
    const two = await start('gw2');
    const { sessions: all } = await discover(stateDir);
    expect(all.map(({ info }) => info.id).sort()).toEqual([one.session.id, two.session.id].sort());
    expect(new Set(all.map(({ info }) => info.gateway))).toEqual(new Set(['gw1', 'gw2']));
  });

  it('from inside a session gives that session its own token and no more', async () => {
    const { session } = await start('gw1');
    const endpoint = findOwnEndpoint(stateDir, session.id);
    expect(endpoint?.controlToken).toBe(session.controlSecret.reveal());
    const info = await callControl<SessionInfo>(endpoint!, 'GET', `/sessions/${session.id}`);
    expect(info.id).toBe(session.id);
    expect(findOwnEndpoint(stateDir, 'none')).toBeUndefined();
  });

  it('a gateway that is gone leaves no trace', async () => {
    const { gateway } = await start('gw1');
    await gateway.close();
    running.length = 0;
    expect(await discover(stateDir)).toMatchObject({ gateways: [], sessions: [] });
  });
});
