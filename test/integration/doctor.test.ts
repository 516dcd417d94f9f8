import { describe, expect, it } from 'vitest';
import { commandLine } from '../support/command-line.ts';

describe('the doctor', { timeout: 60_000 }, () => {
  it('tells of routes that lead to a place without a key: every request that they match would fail', async () => {
    const { run } = commandLine(`default_profile: sandbox
routing:
  background: "groq:m"
  think: haiku
  image: "sandbox:sandbox-swift"
  long_context: { target: "openrouter:big" }
  subagents: { Explore: "xai:grok" }
`);
    const { code, stdout } = await run(['doctor']);
    expect(code).toBe(0);
    const routes = stdout.split('\n').filter((line) => /^warn +routes /.test(line));
    expect(routes.map((line) => /routing\.(\S+): such requests will fail: .*no key/.exec(line)?.[1])).toEqual([
      'background',
      'long_context.target',
      'subagents.Explore',
    ]);
    expect((await run(['doctor'], { env: { GROQ_API_KEY: 'k' } })).stdout).not.toContain('routing.background');
  });
});
