import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CONFIGURATION_PAGE, withTables } from '../scripts/config-tables.ts';
import { testMachine } from '../src/config/config.fixture.ts';
import { configJsonSchema } from '../src/config/json-schema.ts';

const page = readFileSync(CONFIGURATION_PAGE, 'utf8');
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text as string);

describe('docs/configuration.md', () => {
  it('has the tables of this version (node scripts/config-tables.ts writes them)', () => {
    expect(withTables(page)).toBe(page);
  });

  it('tells every key', () => {
    const keys = Object.keys((configJsonSchema() as { properties: object }).properties);
    for (const key of keys) expect(page).toContain(`| \`${key}\` |`);
    expect(keys.length).toBeGreaterThan(8);
  });

  it('has examples', () => {
    expect(examples.length).toBeGreaterThan(3);
  });

  it.each(examples.map((text) => [text.split('\n').slice(0, 2).join(' '), text]))(
    'its example loads: %s',
    async (_, text) => {
      const isProject = text.startsWith('# .midswap.yaml');
      const machine = isProject ? testMachine(examples[0], { 'work/.midswap.yaml': text }) : testMachine(text);
      const { warnings, originOf } = await machine.load({ env: { CORP_KEY: 'k', OPENROUTER_WORK_KEY: 'k' } });
      const faults = warnings.filter((line) => !line.includes('keychain:corp: this system has no keychain'));
      expect(faults).toEqual([]);
      if (isProject) expect(originOf('default_profile')).toContain('.midswap.yaml:2');
    },
  );
});
