import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startControl } from './control.fixture.ts';
import {
  type GatewayRecord,
  liveRecords,
  parseRecord,
  readRecords,
  registryDir,
  removeRecord,
  writeRecord,
} from './registry.ts';

let stateDir: string;
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'midswap-registry-'));
});
afterEach(() => rmSync(stateDir, { recursive: true, force: true }));

const sample = (gatewayId: string, port = 1): GatewayRecord => ({
  version: 1,
  gatewayId,
  pid: 10,
  host: '127.0.0.1',
  port,
  startedAtMs: 5,
  controlToken: 'c'.repeat(43),
  sessions: [{ id: 'k3f9', controlToken: 's'.repeat(43), pid: null, label: 'alpha' }],
});
const put = (name: string, text: string, mode = 0o600) => {
  mkdirSync(registryDir(stateDir), { recursive: true });
  const file = join(registryDir(stateDir), name);
  writeFileSync(file, text, { mode });
  chmodSync(file, mode);
  return file;
};

describe('the file of a gateway', () => {
  it('is for its owner alone, comes back as written, and goes', () => {
    writeRecord(stateDir, sample('gw1'));
    const file = join(registryDir(stateDir), 'gw1.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(registryDir(stateDir)).mode & 0o777).toBe(0o700);
    expect(readRecords(stateDir)).toEqual({ records: [sample('gw1')], problems: [] });
    removeRecord(stateDir, 'gw1');
    removeRecord(stateDir, 'gw1');
    expect(readdirSync(registryDir(stateDir))).toEqual([]);
  });

  it('cannot be made to remove anything outside its directory', () => {
    const victim = join(stateDir, 'config.json');
    writeFileSync(victim, '{}');
    removeRecord(stateDir, '../config');
    expect(existsSync(victim)).toBe(true);
  });

  it('that cannot be written is a clear error', () => {
    writeFileSync(join(stateDir, 'gateways'), 'a file where the directory should be');
    expect(() => writeRecord(stateDir, sample('gw1'))).toThrow(/cannot write .*gw1\.json/);
  });
});

describe('reading', () => {
  it('an empty state directory finds nothing and complains of nothing', () => {
    expect(readRecords(join(stateDir, 'missing'))).toEqual({ records: [], problems: [] });
  });

  it.each([
    ['garbage', 'garbage'],
    ['an empty file', ''],
    ['half a file', JSON.stringify(sample('bad')).slice(0, 80)],
    ['another version', JSON.stringify({ ...sample('bad'), version: 2 })],
    ['a port that is none', JSON.stringify({ ...sample('bad'), port: 70_000 })],
    ['a host that is a path', JSON.stringify({ ...sample('bad'), host: 'x/../y' })],
    ['a token with a line break', JSON.stringify({ ...sample('bad'), controlToken: `${'a'.repeat(20)}\r\nx: y` })],
    ['a wrong session', JSON.stringify({ ...sample('bad'), sessions: [{}] })],
    ['the id of another file', JSON.stringify(sample('other'))],
  ])('%s is reported and hides no other file', (_, text) => {
    writeRecord(stateDir, sample('good'));
    put('bad.json', text);
    const { records, problems } = readRecords(stateDir);
    expect(records.map(({ gatewayId }) => gatewayId)).toEqual(['good']);
    expect(problems).toHaveLength(1);
  });

  it('refuses a file that others may read, and a link', () => {
    put('open.json', JSON.stringify(sample('open')), 0o644);
    const real = put('elsewhere.txt', JSON.stringify(sample('link')));
    symlinkSync(real, join(registryDir(stateDir), 'link.json'));
    const { records, problems } = readRecords(stateDir);
    expect(records).toEqual([]);
    expect(problems.map(({ reason }) => reason)).toEqual(['not a regular file', expect.stringContaining('0600')]);
  });

  it('any text either parses to a record or throws an error with a reason', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), mutated()), (text) => {
        try {
          const record = parseRecord(text);
          expect(record.controlToken).toMatch(/^[A-Za-z0-9_-]+$/);
        } catch (thrown) {
          expect((thrown as Error).message).not.toBe('');
          expect((thrown as Error).constructor).toBe(Error);
        }
      }),
    );
  });

  it('while another thread writes the same file never sees a part of it', async () => {
    const writer = new Worker(
      `import('${new URL('./registry.ts', import.meta.url)}').then(({ writeRecord }) => {
          const { parentPort, workerData } = require('node:worker_threads');
          for (let n = 0; n < 200; n++) writeRecord(workerData.dir, { ...workerData.record, port: n });
          parentPort.postMessage('done');
        })`,
      { eval: true, workerData: { dir: stateDir, record: sample('busy') } },
    );
    let over = false;
    const done = new Promise<void>((resolve, reject) => {
      writer.on('message', () => resolve());
      writer.on('error', reject);
    }).finally(() => {
      over = true;
    });
    let reads = 0;
    while (!over) {
      expect(readRecords(stateDir).problems).toEqual([]);
      reads++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
    await writer.terminate();
    expect(reads).toBeGreaterThan(1);
    expect(readRecords(stateDir).records).toEqual([{ ...sample('busy'), port: 199 }]);
  });
});

describe('listing', () => {
  it('keeps what answers, removes what is gone or is somebody else, and only leaves out what is silent', async () => {
    const live = await startControl('alive');
    const deaf = createServer(() => {});
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
    const deafPort = (deaf.address() as { port: number }).port;
    try {
      writeRecord(stateDir, sample('alive', live.port));
      writeRecord(stateDir, sample('impostor', live.port));
      writeRecord(stateDir, sample('dead', 1));
      writeRecord(stateDir, sample('silent', deafPort));
      const listing = await liveRecords(stateDir, 200);
      expect(listing.records.map(({ gatewayId }) => gatewayId)).toEqual(['alive']);
      expect(listing.problems.map(({ reason }) => reason)).toEqual([expect.stringContaining('does not answer')]);
      expect(readdirSync(registryDir(stateDir)).sort()).toEqual(['alive.json', 'silent.json']);
    } finally {
      deaf.close();
      await live.close();
    }
  });

  it('sweeps what a dead writer left, not what a living one is writing', async () => {
    const old = put('gw.json.1.tmp', 'x');
    put('gw.json.2.tmp', 'x');
    utimesSync(old, 1, 1);
    await liveRecords(stateDir, 200);
    expect(readdirSync(registryDir(stateDir))).toEqual(['gw.json.2.tmp']);
  });
});

function mutated() {
  const text = JSON.stringify(sample('gw1'));
  return fc.tuple(fc.nat(text.length), fc.nat(5), fc.string({ maxLength: 5 })).map(([at, count, insert]) => {
    return text.slice(0, at) + insert + text.slice(at + count);
  });
}
