import { describe, expect, it } from 'vitest';
import { commandLine } from '../support/command-line.ts';

const CONFIG = `default_profile: mix
profiles:
  mix:
    provider: sandbox
    models: { opus: "corp:large", haiku: sandbox-swift }
    thinking: { haiku: off, opus: 16000 }
aliases: { swift: "sandbox:sandbox-swift" }
model_map: { gpt-4: haiku, o9: swift }
routing: { background: swift, compaction: "corp:large" }
providers:
  corp:
    protocol: openai-chat
    base_url: "http://127.0.0.1:9/v1"
    model_data: { large: { context_window: 1000, price: { input: 2 } } }
`;
const request = (more: object) =>
  JSON.stringify({ model: 'claude-opus-5', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }], ...more });

describe('the plan for a request', { timeout: 60_000 }, () => {
  const explain = async (args: readonly string[], stdin?: string) => {
    const result = await commandLine(CONFIG).run(['explain', ...args], { ...(stdin !== undefined && { stdin }) });
    expect([result.code, result.stderr]).toEqual([0, '']);
    return result.stdout.split('\n');
  };

  it('has the price, the window and the thinking that the configuration says', async () => {
    const [, rule, first] = await explain(['--file', '-'], request({ system: 'x'.repeat(400_000) }));
    expect(rule).toBe('rule: slot (slot opus of profile mix)');
    expect(first).toMatch(
      /\(large\), .*, window 1000, TOO SMALL, input \$0\.\d*[1-9]\d*, thinking up to 16000 tokens$/,
    );
    expect((await explain(['--model', 'claude-haiku-4-5']))[2]).toMatch(/\(sandbox-swift\), .*, thinking off$/);
  });

  it.each([
    [
      'a prompt that begins with an alias',
      request({ messages: [{ role: 'user', content: '@swift hi' }] }),
      'prompt (prompt @swift)',
    ],
    [
      'a name that is mapped to a slot',
      request({ model: 'gpt-4' }),
      'slot (slot haiku of profile mix, model_map: gpt-4 is haiku)',
    ],
    ['a name that is mapped to an alias', request({ model: 'o9' }), 'slot (model_map: o9 is swift)'],
    ['a row of the picker', request({ model: 'claude/swift' }), 'selector (model name claude/swift)'],
  ])('names the rule of %s', async (_, text, rule) => {
    const [, said, first] = await explain(['--file', '-'], text);
    expect([said, first]).toEqual([`rule: ${rule}`, expect.stringContaining('(sandbox-swift)')]);
  });

  it('is data for a program', async () => {
    const { run } = commandLine(CONFIG);
    expect((await run(['explain', '--model', 'claude-opus-5', '--json'])).json()).toMatchObject({
      rule: 'slot',
      targets: [{ provider: 'corp', model: 'large', thinking: 16_000, contextWindow: 1000 }],
    });
  });
});
