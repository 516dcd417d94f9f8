import type { Answer } from './answer.ts';
import { type Case, oneAnswer, oneRequest, sight, type Verdict, verdict } from './battery.ts';
import { call, chunk, completion, DONE, sendJson, sendStream, sendText } from './upstream.ts';

const finish = chunk({}, 'tool_calls');
const TOOLS = ['Read', 'Bash'].map((name) => ({
  name,
  description: name,
  input_schema: { type: 'object', properties: { a: { type: 'string' } } },
}));
const LONG_NAME = `mcp__a_server_with_a_long_name__${'a_tool_with_a_long_name_'.repeat(2)}`;

/** The calls, each with its arguments, in this order; text beside them when told. */
function calls(expected: readonly (readonly [name: string, input: string])[], text?: string) {
  return (answer: Answer): Verdict => {
    const found = answer.blocks.filter(({ type }) => type === 'tool_use');
    const wanted = expected.map(([name, input]) => `${name} ${input}`);
    const right = found.map((block) => `${block.name} ${normal(block.text)}`).join() === wanted.join();
    const unique = new Set(found.map(({ id }) => id)).size === found.length;
    const said = answer.blocks.map((block) => (block.type === 'text' ? block.text : '')).join('');
    const passed = right && unique && answer.problems.length === 0 && (text === undefined || said === text);
    return verdict(
      passed && answer.stopReason === 'tool_use',
      `${sight(answer)}; stop reason ${answer.stopReason || 'none'}`,
    );
  };
}

function normal(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json));
  } catch {
    return `not JSON: ${json}`;
  }
}

export const TOOL_CASES: readonly Case[] = [
  oneAnswer(
    {
      id: 'split-arguments',
      group: 'Tool calls',
      title: 'Arguments in pieces, cut inside of an escape',
      expects: 'the call with its arguments',
    },
    sendStream([
      chunk({ role: 'assistant', ...call(0, 'call_1', 'Read', '') }),
      ...['{"a', '":"x\\', 'n\\u00', 'fc"}'].map((args) => chunk(call(0, undefined, undefined, args))),
      finish,
      DONE,
    ]),
    calls([['Read', JSON.stringify({ a: 'x\nü' })]]),
    { tools: TOOLS },
  ),
  oneAnswer(
    {
      id: 'parallel',
      group: 'Tool calls',
      title: 'Two calls whose arguments come in turns',
      expects: 'two calls, one block after the other',
    },
    sendStream([
      chunk({ role: 'assistant', ...call(0, 'call_1', 'Read', '') }),
      chunk(call(1, 'call_2', 'Bash', '')),
      chunk(call(0, undefined, undefined, '{"a":')),
      chunk(call(1, undefined, undefined, '{"a":')),
      chunk(call(0, undefined, undefined, '"1"}')),
      chunk(call(1, undefined, undefined, '"2"}')),
      finish,
      DONE,
    ]),
    calls([
      ['Read', '{"a":"1"}'],
      ['Bash', '{"a":"2"}'],
    ]),
    { tools: TOOLS },
  ),
  oneAnswer(
    { id: 'no-index', group: 'Tool calls', title: 'Two calls without `index`', expects: 'two calls' },
    sendStream([
      chunk({ role: 'assistant', ...call(undefined, 'call_1', 'Read', '{"a":"1"}') }),
      chunk(call(undefined, 'call_2', 'Bash', '{"a":"2"}')),
      finish,
      DONE,
    ]),
    calls([
      ['Read', '{"a":"1"}'],
      ['Bash', '{"a":"2"}'],
    ]),
    { tools: TOOLS },
  ),
  oneAnswer(
    { id: 'late-name', group: 'Tool calls', title: 'Name after the id', expects: 'the call under its name' },
    sendStream([
      chunk({ role: 'assistant', ...call(0, 'call_1', undefined, '') }),
      chunk(call(0, undefined, 'Read', '')),
      chunk(call(0, undefined, undefined, '{"a":"1"}')),
      finish,
      DONE,
    ]),
    calls([['Read', '{"a":"1"}']]),
    { tools: TOOLS },
  ),
  oneAnswer(
    {
      id: 'text-behind',
      group: 'Tool calls',
      title: 'Text behind a call',
      expects: 'the call, and the text in a block of its own',
    },
    sendStream([
      chunk({ role: 'assistant', ...call(0, 'call_1', 'Read', '{"a":"1"}') }),
      chunk({ content: 'and then' }),
      finish,
      DONE,
    ]),
    calls([['Read', '{"a":"1"}']], 'and then'),
    { tools: TOOLS },
  ),
  oneAnswer(
    {
      id: 'finish-stop',
      group: 'Tool calls',
      title: 'A call with finish reason `stop`',
      expects: 'the call, stop reason `tool_use`',
    },
    sendStream([chunk({ role: 'assistant', ...call(0, 'call_1', 'Read', '{"a":"1"}') }), chunk({}, 'stop'), DONE]),
    calls([['Read', '{"a":"1"}']]),
    { tools: TOOLS },
  ),
  oneAnswer(
    { id: 'whole-call', group: 'Tool calls', title: 'A call in an answer that is not streamed', expects: 'the call' },
    sendJson(
      200,
      completion(
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'Read', arguments: '{"a":"1"}' } }],
        },
        'tool_calls',
      ),
    ),
    calls([['Read', '{"a":"1"}']]),
    { tools: TOOLS, stream: false },
  ),
  {
    id: 'long-name',
    group: 'Tool calls',
    title: 'A tool name of more than 64 characters',
    expects: 'at most 64 for the upstream, the full one for the client',
    async run({ upstream, ask }) {
      upstream.begin((res, seen) => {
        const name = seen.body.tools?.[0]?.function?.name;
        const piece = chunk({ role: 'assistant', ...call(0, 'call_1', name, '{"a":"1"}') });
        return sendStream([piece, finish, DONE])(res, seen);
      });
      const answer = await ask({ tools: [{ ...TOOLS[0], name: LONG_NAME }] });
      const sent = upstream.seen[0]?.body.tools?.[0]?.function?.name ?? '';
      const back = answer.blocks.find(({ type }) => type === 'tool_use')?.name;
      return verdict(
        sent !== '' && sent.length <= 64 && back === LONG_NAME,
        `${sent.length} characters went out, ${back === LONG_NAME ? 'the full name' : (back ?? 'no call')} came back`,
      );
    },
  },
  oneRequest(
    {
      id: 'no-properties',
      group: 'Tool calls',
      title: 'A schema without `properties`',
      expects: 'an object schema with `properties`, which strict servers demand',
    },
    sendText('ok'),
    { tools: [{ name: 'Now', description: 'the time', input_schema: { type: 'object' } }] },
    ({ body }) => {
      const parameters = body.tools?.[0]?.function?.parameters as { properties?: unknown } | undefined;
      return verdict(typeof parameters?.properties === 'object', JSON.stringify(parameters));
    },
  ),
  oneRequest(
    { id: 'tool-choice', group: 'Tool calls', title: '`tool_choice: any`', expects: '`tool_choice: "required"`' },
    sendText('ok'),
    { tools: TOOLS, tool_choice: { type: 'any' } },
    ({ body }) => verdict(body.tool_choice === 'required', `\`${JSON.stringify(body.tool_choice)}\``),
  ),
];
