import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandLine } from '../support/command-line.ts';
import { listFiles } from '../support/temp-home.ts';

describe('config edit', { timeout: 60_000 }, () => {
  it('begins a file that editors can complete, for the user alone', async () => {
    const { run, file, read } = commandLine();
    const editor = { EDITOR: 'sh -c \'echo "default_profile: sandbox" >> "$0"\'' };
    expect(await run(['config', 'edit'], { env: editor })).toMatchObject({ code: 0, stdout: `${file}: fine\n` });
    const [first] = read('config.yaml').split('\n');
    const schema = /\$schema=\.\/(\S+)$/.exec(first ?? '')?.[1] ?? '';
    expect(JSON.parse(read(schema))).toHaveProperty('properties.default_profile');
    expect(read('config.yaml')).toMatch(/midswap config check\ndefault_profile: sandbox\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('leaves a file that is there as it is, and says where it is wrong afterwards', async () => {
    const { run, home, file } = commandLine('default_profile: sandbox # mine\n');
    const editor = { VISUAL: 'sh -c \'sed -i s/sandbox/sandbx/ "$0"\'', EDITOR: 'false' };
    const result = await run(['config', 'edit'], { env: editor });
    expect([result.code, result.stderr]).toEqual([78, expect.stringMatching(/config\.yaml:1:18: .*"sandbox"\?\n$/)]);
    expect(readFileSync(file, 'utf8')).toBe('default_profile: sandbx # mine\n');
    expect(listFiles(join(home, 'midswap'))).toEqual(['config.yaml']);
  });
});
