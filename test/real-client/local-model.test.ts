import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Anthropic, { APIError, APIUserAbortError } from '@anthropic-ai/sdk';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Installation, install, MIDSWAP } from '../support/gateway-process.ts';
import { post } from '../support/http-client.ts';
import { hasLocalModel, installLocalServer, type LocalModel, startLocalModel } from '../support/local-model.ts';
import { listFiles, writeFiles } from '../support/temp-home.ts';
import type { TinyModel } from '../support/tiny-model.ts';
import { until } from '../support/until.ts';

const ANSWER = ['The', ' tiny', ' model', ' says', ' what', ' it', ' was', ' told', '.'];
const CALL = ['<tool_call>', '\n{"name": "', 'Read', '", "arguments": ', '{"file_path": "', 'README', '.md"', '}}'];
const MODEL: TinyModel = {
  name: 'tiny',
  contextTokens: 1 << 18,
  answers: [
    { cue: 'count for ever', pieces: ['one,', 'two,', 'three,'], endless: true },
    { cue: 'read the file', pieces: [...CALL, '\n</tool_call>'] },
    { cue: 'think first', pieces: ['<think>', '\nhm', ', well', '\n</think>', '\n\n', 'Done', ' thinking', '!'] },
    { cue: '', pieces: ANSWER },
  ],
};
/** The end of the answer is a token, too. */
const ANSWER_TOKENS = ANSWER.length + 1;

/** What a user would write for either of the protocols that the server speaks. */
const WAYS: Readonly<Record<string, (url: string) => string>> = {
  'the Messages API': (url) => `llamacpp: { base_url: "${url}" }`,
  'Chat Completions': (url) => `llamacpp: { protocol: openai-chat, base_url: "${url}/v1" }`,
};

/** A user's machine on which the server is the only provider. */
async function machineFor(way: string, server: LocalModel): Promise<Installation> {
  const machine = await install({ upstreams: {} });
  const config = `
default_profile: local
providers:
  ${WAYS[way]?.(server.url)}
profiles:
  local: { provider: llamacpp, models: { default: tiny } }
retry: { limit: 0 }
`;
  writeFiles(machine.midswapHome, { 'config.yaml': config });
  return machine;
}

/** A client's library at a gateway that runs as a process of its own, until the test is over. */
async function serve({ env, home }: Installation): Promise<Anthropic> {
  const [command = '', ...args] = MIDSWAP;
  const child = spawn(command, [...args, 'serve', '--json'], { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(async () => {
    const ended = once(child, 'exit');
    if (child.kill('SIGTERM')) await ended;
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').once('data', resolve);
    child.once('exit', (code) => reject(new Error(`serve ended with ${code}: ${complaints}`)));
  });
  const { baseUrl } = JSON.parse(line) as { baseUrl: string };
  return new Anthropic({ baseURL: baseUrl, apiKey: 'unused', maxRetries: 0 });
}

async function start(way: string, contextTokens: number) {
  const server = await startLocalModel({ model: MODEL, contextTokens });
  return { server, client: await serve(await machineFor(way, server)) };
}

function turn(content: string, max_tokens = 100) {
  return { model: 'claude-sonnet-5', max_tokens, messages: [{ role: 'user' as const, content }] };
}

/** What a call of the library ended with, which must be an error of its own. */
async function failureOf(call: Promise<unknown>): Promise<APIError> {
  const ended = await call.catch((thrown: unknown) => thrown);
  if (ended instanceof APIError) return ended;
  throw new Error(`no error of the API: ${JSON.stringify(ended)}`);
}

const READ: Anthropic.Tool = {
  name: 'Read',
  description: 'Reads a file.',
  input_schema: { type: 'object', properties: { file_path: { type: 'string' } }, required: ['file_path'] },
};

beforeAll(async () => {
  if (hasLocalModel()) await installLocalServer();
}, 600_000);

describe.skipIf(!hasLocalModel())('llama.cpp’s own server', () => {
  describe.each(Object.keys(WAYS))('by %s', (way) => {
    it('its words come whole, streamed and not, with the tokens as it counts them', async () => {
      const { server, client } = await start(way, 4096);
      const counted = await post(`${server.url}/v1/messages/count_tokens`, turn('hello'));
      const { input_tokens } = counted.json() as { input_tokens: number };
      const answers = [
        await client.messages.stream(turn('hello')).finalMessage(),
        await client.messages.create(turn('hello')),
      ];
      for (const answer of answers) {
        expect(answer.content).toMatchObject([{ type: 'text', text: ANSWER.join('') }]);
        expect([answer.model, answer.stop_reason]).toEqual(['claude-sonnet-5', 'end_turn']);
        const { usage } = answer;
        expect(usage.input_tokens + (usage.cache_read_input_tokens ?? 0)).toBe(input_tokens);
        expect(usage.output_tokens).toBe(ANSWER_TOKENS);
      }
      // It kept the first conversation, and says so.
      expect(answers[1]?.usage.cache_read_input_tokens).toBeGreaterThan(0);
    });

    it('a tool call comes with its arguments, and its result is answered', async () => {
      const { client } = await start(way, 4096);
      const asked = { ...turn('read the file'), tools: [READ] };
      const call = await client.messages.stream(asked).finalMessage();
      expect(call.stop_reason).toBe('tool_use');
      expect(call.content).toMatchObject([{ type: 'tool_use', name: 'Read', input: { file_path: 'README.md' } }]);
      const [block] = call.content;
      if (block?.type !== 'tool_use') throw new Error('no call');
      const result = { type: 'tool_result' as const, tool_use_id: block.id, content: 'nothing in it' };
      const after = await client.messages.create({
        ...asked,
        messages: [
          ...asked.messages,
          { role: 'assistant', content: call.content },
          { role: 'user', content: [result] },
        ],
      });
      expect(after.content).toMatchObject([{ type: 'text', text: ANSWER.join('') }]);
    });

    it('thinking comes before the text, streamed and not, and a conversation with it goes on', async () => {
      const { client } = await start(way, 4096);
      const asked = turn('think first');
      const answers = [await client.messages.stream(asked).finalMessage(), await client.messages.create(asked)];
      for (const { content } of answers) {
        expect(content).toMatchObject([
          { type: 'thinking', thinking: expect.stringMatching(/^hm, well\s*$/) },
          { type: 'text', text: 'Done thinking!' },
        ]);
        const messages = [...asked.messages, { role: 'assistant' as const, content }, ...turn('and now?').messages];
        const after = await client.messages.create({ ...asked, messages });
        expect(after.content).toMatchObject([{ text: ANSWER.join('') }]);
      }
    });

    it('an answer that was cut at its length says so', async () => {
      const { client } = await start(way, 4096);
      const answer = await client.messages.stream(turn('count for ever', 7)).finalMessage();
      expect(answer.content).toMatchObject([{ text: 'one,two,three,one,two,three,one,' }]);
      expect([answer.stop_reason, answer.usage.output_tokens]).toEqual(['max_tokens', 7]);
    });

    it('an answer ends at a stop sequence', async () => {
      const { client } = await start(way, 4096);
      const asked = { ...turn('hello'), stop_sequences: [' says'] };
      for (const answer of [await client.messages.stream(asked).finalMessage(), await client.messages.create(asked)]) {
        expect(answer.content).toMatchObject([{ text: 'The tiny model' }]);
        // By Chat Completions it does not tell what has ended it.
        const told = way === 'Chat Completions' ? ['end_turn', null] : ['stop_sequence', ' says'];
        expect([answer.stop_reason, answer.stop_sequence]).toEqual(told);
      }
    });

    it('a picture, which the model cannot see, is refused once and for all, with the words of the server', async () => {
      const { client } = await start(way, 4096);
      const data = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
      const image = {
        type: 'image' as const,
        source: { type: 'base64' as const, media_type: 'image/png' as const, data },
      };
      const fault = await failureOf(
        client.messages.create({ ...turn(''), messages: [{ role: 'user', content: [image] }] }),
      );
      expect([fault.status, fault.apiMessage]).toEqual([400, expect.stringContaining('image input is not supported')]);
    });

    it('a conversation beyond the window is refused in the words on which the client compacts', async () => {
      const { client } = await start(way, 512);
      const long = turn('%'.repeat(2000));
      const calls = [client.messages.create(long), client.messages.stream(long).finalMessage()];
      for (const { status, error } of await Promise.all(calls.map(failureOf))) {
        expect([status, error]).toEqual([
          400,
          expect.objectContaining({
            error: {
              type: 'invalid_request_error',
              message: expect.stringMatching(/^prompt is too long: 20\d\d tokens > 512 maximum$/),
            },
          }),
        ]);
      }
      expect((await client.messages.create(turn('hello'))).stop_reason).toBe('end_turn');
    });

    it('a client that goes away stops the generation', async () => {
      const { server, client } = await start(way, 1 << 17);
      const stream = client.messages.stream(turn('count for ever', 100_000));
      const ended = failureOf(stream.finalMessage());
      await stream.emitted('text');
      expect(await server.answering()).toHaveLength(1);
      stream.abort();
      expect(await ended).toBeInstanceOf(APIUserAbortError);
      await until('the generation is stopped', async () => (await server.answering()).length === 0);
    });

    it('a server that ends in the middle of an answer is an error, and so is one that is not there', async () => {
      const { server, client } = await start(way, 1 << 17);
      const stream = client.messages.stream(turn('count for ever', 100_000));
      const streamed = failureOf(stream.finalMessage());
      await stream.emitted('text');
      const whole = failureOf(client.messages.create(turn('count for ever', 100_000), { timeout: 30_000 }));
      await until('both are answered', async () => (await server.answering()).length === 2);
      await server.kill();
      const after = failureOf(client.messages.create(turn('hello')));
      const failures = await Promise.all([streamed, whole, after]);
      // Of the first only the stream can tell: its answer had begun.
      expect(failures.map(({ status }) => status)).toEqual([undefined, 502, 502]);
      expect(failures.map(({ apiMessage }) => apiMessage)).toEqual([
        expect.stringContaining('cut in the middle of the answer'),
        expect.stringContaining('ECONNRESET'),
        expect.stringContaining('is the server running?'),
      ]);
    });

    it('Claude Code prints its words, runs its tool call and shows no thinking as the answer', async () => {
      const server = await startLocalModel({ model: MODEL, contextTokens: 1 << 17 });
      const machine = await machineFor(way, server);
      writeFileSync(join(machine.cwd, 'README.md'), 'the file has nothing\n');
      const ask = async (prompt: string) => {
        const args = ['local', '-p', prompt, '--output-format', 'json', '--dangerously-skip-permissions'];
        return (await machine.midswap(args, { timeoutMs: 100_000 })).json();
      };
      const read = await ask('read the file');
      expect(read).toMatchObject({ is_error: false, num_turns: 2, result: ANSWER.join('') });
      // The second request begins as the first one did, so the server had next to nothing to read anew.
      const usage = read.usage as { input_tokens: number; cache_read_input_tokens: number };
      expect(usage.cache_read_input_tokens / usage.input_tokens).toBeGreaterThan(0.95);
      expect(await ask('think first')).toMatchObject({ is_error: false, num_turns: 1, result: 'Done thinking!' });
    }, 200_000);

    it('Claude Code compacts when the server refuses a conversation that has grown too long, and goes on', async () => {
      // Its own instructions and tools are some 33,000 tokens here, and either message is 12,000.
      const machine = await machineFor(way, await startLocalModel({ model: MODEL, contextTokens: 52_000 }));
      const long = '%'.repeat(12_000);
      const say = (prompt: string, ...more: string[]) =>
        machine.midswap(['local', ...more, '-p', `${prompt} ${long}`, '--output-format', 'json'], {
          timeoutMs: 100_000,
        });
      expect((await say('hello')).json()).toMatchObject({ is_error: false, result: ANSWER.join('') });
      expect((await say('and again', '--continue')).json()).toMatchObject({ is_error: false, result: ANSWER.join('') });
      const projects = join(machine.home, '.claude', 'projects');
      const [transcript = ''] = listFiles(projects).filter((name) => name.endsWith('.jsonl'));
      expect(readFileSync(join(projects, transcript), 'utf8')).toContain('"subtype":"compact_boundary"');
    }, 220_000);

    it('Claude Code tells that its request does not fit into a small window', async () => {
      const machine = await machineFor(way, await startLocalModel({ model: MODEL, contextTokens: 8192 }));
      const { code, stdout } = await machine.midswap(['local', '-p', 'hello']);
      expect(code).not.toBe(0);
      expect(stdout).toMatch(/^Prompt is too long\b.*\b8192\b/);
    });
  });

  it('its model is listed with the window that it has', async () => {
    const server = await startLocalModel({ model: MODEL, contextTokens: 4096 });
    for (const way of Object.keys(WAYS)) {
      const machine = await machineFor(way, server);
      const listed = await machine.midswap(['models', 'llamacpp', '--live', '--json']);
      expect(JSON.parse(listed.stdout)).toMatchObject([{ model: 'tiny', context: 4096 }]);
    }
  });
});
