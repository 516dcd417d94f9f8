import { existsSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempDir, writeFiles } from '../support/temp-home.ts';
import { startGateway } from '../support/test-gateway.ts';

it('a gateway forgets conversations that were left alone for months when it starts', async () => {
  const stateDir = tempDir('midswap-state');
  writeFiles(join(stateDir, 'provenance'), { recent: '' });
  const old = join(stateDir, 'provenance', 'old');
  writeFileSync(old, '');
  utimesSync(old, new Date('2020-01-01'), new Date('2020-01-01'));
  await startGateway({ up: { url: 'http://127.0.0.1:9' } }, { stateDir });
  await expect.poll(() => existsSync(old)).toBe(false);
  expect(existsSync(join(stateDir, 'provenance', 'recent'))).toBe(true);
});
