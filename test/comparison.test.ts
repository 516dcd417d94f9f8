import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { type Answer, exchange } from '../scripts/compare/answer.ts';
import { content, isNoAnswer, pairingFault } from '../scripts/compare/battery.ts';
import { comparisonPage } from '../scripts/compare/report.ts';
import { MIDSWAP } from '../scripts/compare/tools.ts';

async function read(body: string, status = 200): Promise<Answer> {
  const server = createServer((_, res) => res.writeHead(status).end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return exchange(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { body: {} });
}

const events = (...all: object[]): string => all.map((data) => `event: x\ndata: ${JSON.stringify(data)}\n\n`).join('');
const start = (index: number, block: object) => ({ type: 'content_block_start', index, content_block: block });
const delta = (index: number, fields: object) => ({ type: 'content_block_delta', index, delta: fields });
const stop = (index: number) => ({ type: 'content_block_stop', index });
const argument = (text: string) => ({ type: 'input_json_delta', partial_json: text });

it('blocks that overlap are read by their index, as the client does', async () => {
  const answer = await read(
    events(
      { type: 'message_start', message: { model: 'm', usage: { input_tokens: 3 } } },
      start(0, { type: 'tool_use', id: 'a', name: 'A', input: {} }),
      start(1, { type: 'tool_use', id: 'b', name: 'B', input: {} }),
      delta(0, argument('{"x":1}')),
      delta(1, argument('{"y":2}')),
      delta(1, { type: 'a_delta_of_tomorrow' }),
      stop(0),
      stop(1),
      { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 4 } },
      { type: 'message_stop' },
    ),
  );
  expect(answer).toMatchObject({ complete: true, problems: [], model: 'm', stopReason: 'tool_use' });
  expect(answer.usage).toEqual({ input_tokens: 3, output_tokens: 4 });
  expect(content(answer.blocks)).toBe('tool_use A {"x":1} + tool_use B {"y":2}');
});

it.each([
  [
    'text in the block of a call',
    [start(0, { type: 'tool_use', id: 'a', name: 'A', input: {} }), delta(0, { type: 'text_delta', text: 'x' })],
  ],
  ['a delta of no block', [delta(3, { type: 'text_delta', text: 'x' })]],
  ['a block in the wrong place', [start(1, { type: 'text', text: '' }), stop(1)]],
  ['a block that is never closed', [start(0, { type: 'text', text: '' })]],
])('what a client cannot follow is a problem: %s', async (_, blocks) => {
  expect((await read(events(...blocks, { type: 'message_stop' }))).problems).not.toEqual([]);
});

it('an answer is none when it breaks off, tells an error or has a status of one', async () => {
  const text = [start(0, { type: 'text', text: 'x' }), stop(0)];
  expect(isNoAnswer(await read(events(...text)))).toBe(true);
  expect(isNoAnswer(await read('{"error":{"message":"no"}}', 500))).toBe(true);
  expect(isNoAnswer(await read(events(...text, { type: 'message_stop' })))).toBe(false);
  expect((await read(events({ type: 'error', error: { type: 't', message: 'm' } }))).error).toBe('t: m');
});

it.each([
  ['a result without a call', [{ role: 'tool', tool_call_id: 'a' }], /no call waits/],
  [
    'a call without a result',
    [{ role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'A' } }] }, { role: 'user' }],
    /no result for a/,
  ],
])('a history out of order is told: %s', (_, messages, fault) => {
  expect(pairingFault(messages)).toMatch(fault);
});

it('the page counts what was judged, and keeps what it quotes inside of its cell', () => {
  const about = {
    group: 'Streams',
    title: 'T',
    expects: 'E',
    run: () => Promise.reject(new Error('not run')),
  } as const;
  const cases = ['a', 'b', 'c'].map((id) => ({ ...about, id }));
  const results = new Map([
    ['a', { passed: true, seen: 'fine' }],
    ['b', { passed: false, seen: 'a | <b>\nand more' }],
    ['c', { notFor: 'has no such thing' }],
  ]);
  const page = comparisonPage({
    date: 'D',
    on: 'O',
    tools: [{ tool: MIDSWAP, version: '1', results }],
    cases,
    command: 'c',
  });
  expect(page).toContain('| Streams | 1 of 2 |');
  expect(page).toContain('| T | E | ✓ fine |');
  expect(page).toContain('✗ a \\| &lt;b> and more |');
  expect(page).toContain('– has no such thing');
});
