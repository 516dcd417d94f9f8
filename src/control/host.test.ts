import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayEvent } from '../core/events.ts';
import type { Session } from '../gateway/session.ts';
import { callControl } from './client.ts';
import type { GatewayInfo, StatuslineInfo } from './contract.ts';
import { sampleResolve, sampleSnapshot } from './control.fixture.ts';
import { discover } from './discovery.ts';
import { type HostedGateway, hostGateway } from './host.ts';
import { readRecords } from './registry.ts';

let stateDir: string;
let hosted: HostedGateway;
let stopped: Session[];
let hurried: number;
beforeEach(async () => {
  hurried = 0;
  stateDir = mkdtempSync(join(tmpdir(), 'midswap-host-'));
  stopped = [];
  hosted = await start();
});
afterEach(async () => {
  await hosted.end(0);
  rmSync(stateDir, { recursive: true, force: true });
});
const start = (dir = stateDir) =>
  hostGateway(
    {
      snapshot: sampleSnapshot(),
      resolve: sampleResolve,
      stateDir: dir,
      version: '1.2.3',
      stopClient: (session) => stopped.push(session),
      compileSooner: () => hurried++,
    },
    '127.0.0.1',
    0,
  );
const open = (gateway = hosted) =>
  gateway.openSession({ reference: 'alpha', dynamic: true, cwd: '/tmp', label: 'alpha' });

describe('a hosted gateway', () => {
  it('is found with its sessions, switched, and gone without a trace', async () => {
    const session = open();
    hosted.setPid(session, 4711);
    const { sessions } = await discover(stateDir);
    expect(sessions.map(({ info }) => [info.id, info.pid, info.gateway])).toEqual([
      [session.id, 4711, hosted.gateway.id],
    ]);
    await callControl(sessions[0]!.endpoint, 'POST', `/sessions/${session.id}/use`, { reference: 'beta' });
    expect(session.selection.reference).toBe('beta');
    await hosted.end(0);
    expect(readRecords(stateDir)).toEqual({ records: [], problems: [] });
    expect(await discover(stateDir)).toMatchObject({ gateways: [], sessions: [] });
  });

  it('says once, with the first request of a client, that code will run often', async () => {
    const base = hosted.baseUrl(open());
    const ask = () => fetch(`${base}/v1/messages`, { method: 'POST', body: '{}' });
    expect((await fetch(`http://127.0.0.1:${hosted.port}/health`)).status).toBe(200);
    expect(hurried).toBe(0);
    for (let i = 0; i < 3; i++) expect((await ask()).status).toBe(400);
    expect(hurried).toBe(1);
  });

  it('tells about itself, and answers health without a token', async () => {
    open();
    const [record] = readRecords(stateDir).records;
    expect(await callControl<GatewayInfo>(record!, 'GET', '/gateway')).toMatchObject({
      gateway: hosted.gateway.id,
      version: '1.2.3',
      port: hosted.port,
      sessions: 1,
    });
  });

  it('lets no session without a client live on when it is stopped, and asks for the end of a client', async () => {
    const bare = open();
    const launched = open();
    hosted.setPid(launched, 1);
    const [record] = readRecords(stateDir).records;
    for (const { id } of [bare, launched]) await callControl(record!, 'DELETE', `/sessions/${id}`);
    await expect.poll(() => hosted.gateway.sessions.get(bare.id)).toBeUndefined();
    await expect.poll(() => stopped).toEqual([launched]);
    expect(hosted.gateway.sessions.get(launched.id)).toBe(launched);
  });

  it('tells of sessions that open and close, each once', async () => {
    const events: GatewayEvent[] = [];
    hosted.bus.subscribe((event) => events.push(event));
    const [one, two] = [open(), open()];
    hosted.closeSession(one);
    hosted.closeSession(one);
    await hosted.end(0);
    hosted.closeSession(two);
    const told = events.map((event) => ('session' in event ? `${event.type} ${event.session}` : event.type));
    expect(told).toEqual([
      `session.opened ${one.id}`,
      `session.opened ${two.id}`,
      `session.closed ${one.id}`,
      `session.closed ${two.id}`,
    ]);
    expect(readRecords(stateDir).records).toEqual([]);
  });

  it('takes a new configuration for what comes next', async () => {
    const session = open();
    hosted.reload({ ...sampleSnapshot(), version: 8, profiles: new Map() });
    expect(() => hosted.use(session, { reference: 'beta' })).toThrow(/beta/);
  });

  it('tells of a configuration that was refused until a good one is in force', async () => {
    const session = open();
    const [record] = readRecords(stateDir).records;
    const look = async () => ({
      info: await callControl<GatewayInfo>(record!, 'GET', '/gateway'),
      line: (await callControl<StatuslineInfo>(record!, 'GET', `/sessions/${session.id}/statusline`)).text,
    });
    hosted.refuse('config.yaml:3:1: no');
    expect(await look()).toMatchObject({
      info: { configFault: 'config.yaml:3:1: no', configVersion: 7 },
      line: expect.stringContaining('configuration refused'),
    });
    hosted.reload({ ...sampleSnapshot(), version: 8 });
    expect(await look()).toMatchObject({
      info: { configFault: null, configVersion: 8 },
      line: expect.not.stringContaining('refused'),
    });
  });

  it('that cannot be registered says so', async () => {
    const dir = join(stateDir, 'file');
    writeFileSync(dir, '');
    const other = await start(dir);
    expect(() => open(other)).toThrow(/cannot write/);
    await other.end(0);
  });
});
