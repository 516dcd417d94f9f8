import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { PROVIDERS_PAGE, withProviders } from '../../scripts/provider-table.ts';
import { type CatalogueEntry, remote } from '../../src/catalogue/provider.ts';
import { catalogueOf, PROVIDERS } from '../../src/catalogue/providers.ts';
import type { App } from '../../src/cli/app.ts';
import { complete } from '../../src/cli/commands/completions.ts';
import { doctor } from '../../src/cli/commands/doctor.ts';
import { pickChoices } from '../../src/cli/commands/pick.ts';
import { providers } from '../../src/cli/commands/providers.ts';
import { createOutput } from '../../src/cli/output.ts';
import { openKeyStore } from '../../src/config/key-store.ts';
import { type OpenConfiguration, openConfiguration } from '../../src/config/open-configuration.ts';
import { hostGateway } from '../../src/control/host.ts';
import { resolveReference, targetIn } from '../../src/routing/reference.ts';
import { tempDir } from '../support/temp-home.ts';

const ACME: CatalogueEntry = {
  id: 'acme',
  aliases: ['acme-cloud'],
  name: 'Acme Models',
  keyVariables: ['ACME_API_KEY'],
  endpoints: [remote('openai-chat', 'https://api.acme.example/v1')],
  models: { opus: 'acme-large', sonnet: 'acme-large', haiku: 'acme-small' },
  quirks: { chat: { topK: true } },
  docs: 'https://acme.example/docs',
};
const ENTRIES = [...PROVIDERS, ACME];
const KEY = 'acme-key-0123456789';

it('one more entry of the catalogue is all that a provider needs to be everywhere', async () => {
  const home = tempDir('midswap-acme');
  const machine = { env: { ACME_API_KEY: KEY, MIDSWAP_HOME: home }, platform: 'linux', home, cwd: home };
  const configuration = await openConfiguration({
    ...machine,
    keychain: async () => undefined,
    catalogue: catalogueOf(ENTRIES),
  });
  const { app, output } = appOf(configuration, machine);

  expect(resolveReference(configuration.snapshot, 'Acme-Cloud:acme-small').target.provider).toBe('acme');

  const choices = pickChoices(configuration, home, { found: false, place: '-' });
  expect(choices.find(({ value }) => value === 'acme')?.hint).toContain('acme-large');

  expect(await modelIds(configuration, home)).toContain('claude/acme');

  const page = withProviders(readFileSync(PROVIDERS_PAGE, 'utf8'), ENTRIES);
  expect(page).toMatch(/^\| \[`acme`\]\(#acme\) \| Acme Models \| openai-chat `https:\/\/api\.acme\.example\/v1` \|/m);
  expect(page).toContain('\n### acme\n');
  expect(page).toMatch(/^\| `chat\.top_k` \| yes \|/m);

  expect(await complete(app, ['use', 'ac'])).toBe(0);
  expect(await complete(app, ['keys', 'set', 'ac'])).toBe(0);
  expect(output().match(/^acme\t.*/gm)).toEqual(['acme\tprofile, acme', 'acme\tAcme Models']);

  const out = createOutput(app.streams);
  expect(await doctor(app, out, false)).toBe(0);
  expect(output()).toMatch(/^ok +keys +set: ACME_API_KEY$/m);
  expect(output()).toMatch(/^ok +profiles +\d+ of \d+ can be used: .*\bacme\b/m);

  expect(await providers(app, out)).toBe(0);
  expect(output()).toMatch(/^acme +openai-chat +https:\/\/api\.acme\.example\/v1 +ACME_API_KEY$/m);
  expect(output()).not.toContain(KEY);
});

/** The command line around a configuration. What these commands do not ask for is not there. */
function appOf(configuration: OpenConfiguration, machine: { env: Record<string, string>; home: string; cwd: string }) {
  let text = '';
  const stream = new Writable({
    write: (chunk, _, done) => {
      text += String(chunk);
      done();
    },
  });
  const absent = () => Promise.reject(new Error('not a part of this'));
  const app: App = {
    version: '0.0.0',
    machine,
    streams: { in: Readable.from([]), out: stream, err: stream },
    stateDir: () => join(machine.home, 'state'),
    configuration: async () => configuration,
    keyStore: async () => openKeyStore({ ...machine, platform: 'linux' }, async () => undefined),
    clientLogin: async () => ({ found: true, place: 'the file' }),
    findClient: async () => ({ path: '/bin/claude', version: '2.1.329' }),
    configFiles: absent,
    ensureConfig: absent,
    configFaults: absent,
    planChange: absent,
    readShared: absent,
    planImport: absent,
    importable: async () => [],
    updateModels: absent,
    originOf: absent,
    trial: absent,
    configSchema: absent,
    isPlainCommand: absent,
    runPlainClient: absent,
    launch: absent,
    serve: absent,
    demo: absent,
    drill: absent,
    explain: absent,
    pluginPath: absent,
  };
  return { app, output: () => text };
}

/** What `GET /v1/models` of a gateway with this configuration lists. */
async function modelIds({ snapshot }: OpenConfiguration, home: string): Promise<string[]> {
  const hosted = await hostGateway(
    {
      snapshot,
      version: '0.0.0',
      stateDir: join(home, 'state'),
      resolve: (from, text) => {
        const reference = resolveReference(from, text);
        return { reference: reference.label, extraSlots: [], target: (slot) => targetIn(reference, [slot]).target };
      },
    },
    '127.0.0.1',
    0,
  );
  onTestFinished(() => hosted.end(0));
  const session = hosted.openSession({ reference: 'acme', dynamic: true, cwd: home, label: 'acme' });
  const body = await new Promise<string>((resolve, reject) => {
    const request = http.get(`${hosted.baseUrl(session)}/v1/models?limit=1000`, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      answer.on('end', () => resolve(text));
    });
    request.on('error', reject);
  });
  return (JSON.parse(body) as { data: { id: string }[] }).data.map(({ id }) => id);
}
