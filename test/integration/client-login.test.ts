import { describe, expect, it } from 'vitest';
import { pickChoices } from '../../src/cli/commands/pick.ts';
import { openConfiguration } from '../../src/config/open-configuration.ts';
import { commandLine } from '../support/command-line.ts';
import { tempDir, writeFiles } from '../support/temp-home.ts';

const TOKEN = 'sk-ant-oat01-of-the-user-0123456789';
const FILE = '.claude/.credentials.json';

describe("what goes by the client's own login", { timeout: 60_000 }, () => {
  it('is told to be ready only where there is one, and where it was found', async () => {
    const { run, home } = commandLine();
    const look = async () => {
      const [providers, profiles, doctor, shown] = await Promise.all([
        run(['providers']),
        run(['profile', 'list']),
        run(['doctor']),
        run(['profile', 'show', 'subscription']),
      ]);
      for (const { code, stdout, stderr } of [providers, profiles, doctor, shown]) {
        expect([code, stderr]).toEqual([0, '']);
        expect(stdout).not.toContain(TOKEN);
      }
      return [providers.stdout, profiles.stdout, doctor.stdout, shown.stdout] as const;
    };

    const without = await look();
    expect(without[0]).toMatch(/^anthropic .*; your Claude login: none found in \S+; log in with: claude \/login$/m);
    expect(without[1]).toMatch(/^> +subscription .* no Claude login was found; log in with: claude \/login$/m);
    expect(without[2]).toMatch(
      /^warn +claude login +none found in \S+\.credentials\.json; log in with: claude \/login$/m,
    );
    expect(without[2]).not.toMatch(/^ok +profiles .*subscription/m);
    expect(without[3]).toMatch(/^unusable +no Claude login was found/m);

    writeFiles(home, { [FILE]: JSON.stringify({ claudeAiOauth: { accessToken: TOKEN } }) });
    const withIt = await look();
    expect(withIt[0]).toMatch(/^anthropic .*; your Claude login: found in \S+\.credentials\.json$/m);
    expect(withIt[1]).toMatch(/^> +subscription .* ready$/m);
    expect(withIt[2]).toMatch(/^ok +claude login +found in \S+\.credentials\.json$/m);
    expect(withIt[2]).toMatch(/^ok +profiles .*subscription/m);
    expect(withIt[3]).not.toContain('unusable');

    const asJson = (await run(['providers', '--json'])).stdout;
    const rows = JSON.parse(asJson) as { id: string; login: unknown }[];
    expect(rows.filter(({ login }) => login !== null)).toEqual([
      expect.objectContaining({ id: 'anthropic', login: { found: true, place: expect.stringContaining(FILE) } }),
    ]);
  });

  it('is missed by the doctor only where the default profile wants it', async () => {
    const { run } = commandLine('default_profile: sandbox\n');
    expect((await run(['doctor'])).stdout).toMatch(/^ok +claude login +none found in \S+; a subscription needs one/m);
  });

  it('can be picked all the same, and says what it wants: the client can log in in its session', async () => {
    const home = tempDir('midswap-pick');
    const configuration = await openConfiguration({ env: { MIDSWAP_HOME: home }, home, platform: 'linux', cwd: home });
    const hint = (found: boolean) =>
      pickChoices(configuration, home, { found, place: '-' }).find(({ value }) => value === 'subscription')?.hint;
    expect(hint(false)).toBe('no Claude login was found; log in with: claude /login');
    expect(hint(true)).not.toContain('login');
  });
});
