import { expect, it } from 'vitest';
import { messagesFaults } from './messages-requests.ts';

const user = (content: unknown = 'go') => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const use = (id: string, name = 'Read') => ({ type: 'tool_use', id, name, input: {} });
const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'r' });
const text = (words: string) => ({ type: 'text', text: words });
const thinking = (signature?: string) => ({ type: 'thinking', thinking: 'hm', signature });
const request = (messages: unknown[], more: object = {}) => ({ model: 'm', max_tokens: 9, messages, ...more });
const budget = { thinking: { type: 'enabled', budget_tokens: 2000 } };

it('a conversation in order has no faults', () => {
  const messages = [
    user(),
    assistant(thinking('s'), text('a'), use('t1'), use('t2')),
    { role: 'system', content: 'a note' },
    user([result('t2'), result('t1'), text('more')]),
    assistant(use('t3')),
    user([result('t3')]),
  ];
  expect(messagesFaults(request(messages, budget), { anthropic: true, signatures: new Set(['s']) })).toEqual([]);
});

it.each<[string, unknown[], RegExp]>([
  ['a result without a call', [user(), assistant(text('a')), user([result('t1')])], /result t1 has no call/],
  ['a call without a result', [user(), assistant(use('t1')), user()], /calls t1 have no result/],
  ['a call without a result at the end', [user(), assistant(use('t1'))], /calls t1 have no result/],
  [
    'a call between call and result',
    [user(), assistant(use('t1')), assistant(use('t2')), user([result('t1'), result('t2')])],
    /calls t1/,
  ],
  ['a result behind text', [user(), assistant(use('t1')), user([text('x'), result('t1')])], /behind other content/],
  ['two results', [user(), assistant(use('t1')), user([result('t1'), result('t1')])], /result t1 has no call/],
  [
    'an id used twice',
    [user(), assistant(use('t1')), user([result('t1')]), assistant(use('t1')), user([result('t1')])],
    /used twice/,
  ],
  ['an illegal id', [user(), assistant(use('a:0')), user([result('a:0')])], /call id a:0 is illegal/],
  ['an illegal name', [user(), assistant(use('t1', 'a.b')), user([result('t1')])], /tool name a.b is illegal/],
  ['blank text', [user(), assistant(text('\n')), user()], /text without content/],
  ['an empty message', [user(), assistant(), user()], /is empty/],
  ['thinking at the end', [user(), assistant(text('a'), thinking('s')), user()], /ends with thinking/],
  ['thinking without a signature', [user(), assistant(thinking(), text('a')), user()], /without signature/],
  ['a system entry', [user(), { role: 'system', content: 'x' }], /role is not allowed/],
  ['an answer at the start', [assistant(text('a')), user()], /begin with the user/],
])('%s is a fault', (_, messages, fault) => {
  expect(messagesFaults(request(messages)).join('\n')).toMatch(fault);
});

it('Anthropic itself wants its own signatures, and thinking at the start of the running turn', () => {
  const loop = [user(), assistant(text('a'), use('t1')), user([result('t1')])];
  const rules = { anthropic: true, signatures: new Set(['own']) };
  expect(messagesFaults(request(loop, budget), rules).join()).toMatch(/expected thinking at the start/);
  expect(messagesFaults(request(loop, { thinking: { type: 'adaptive' } }), rules)).toEqual([]);
  const foreign = [user(), assistant(thinking('foreign'), text('a')), user()];
  expect(messagesFaults(request(foreign), rules).join()).toMatch(/invalid signature in thinking "hm"/);
});

it('tools and cache breakpoints are looked at too', () => {
  const tool = (name: string, more = {}) => ({ name, input_schema: { type: 'object' }, ...more });
  const faults = (tools: object[]): string => messagesFaults(request([user()], { tools })).join('\n');
  expect(faults([tool('A'), tool('A')])).toMatch(/not unique/);
  expect(faults([tool('a b')])).toMatch(/name a b is illegal/);
  expect(faults([{ name: 'A', input_schema: {} }])).toMatch(/input_schema is no object/);
  const marked = { cache_control: { type: 'ephemeral' } };
  expect(faults(['A', 'B', 'C', 'D', 'E'].map((name) => tool(name, marked)))).toMatch(/5 breakpoints/);
});
