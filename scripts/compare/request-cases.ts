import { type Case, oneRequest, outcome, pairingFault, shape, shorten, verdict } from './battery.ts';
import { CLIENT_KEY, UPSTREAM_KEY } from './tools.ts';
import { sendText } from './upstream.ts';

const user = (content: unknown) => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const use = (id: string) => ({ type: 'tool_use', id, name: 'Read', input: { a: id } });
const result = (id: string, content: unknown = `result of ${id}`) => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
});
const tools = [
  { name: 'Read', description: 'reads', input_schema: { type: 'object', properties: { a: { type: 'string' } } } },
];
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const SESSION = '6dd0c6dd-3f9f-4e0f-b4a1-0123456789ab';

/** Fields that Chat Completions has for a message; strict servers refuse others. */
const MESSAGE_FIELDS = ['role', 'content', 'name', 'tool_calls', 'tool_call_id', 'refusal', 'reasoning_content'];

interface History {
  readonly id: string;
  readonly title: string;
  readonly expects: string;
  readonly messages: readonly unknown[];
  /** Texts that have to arrive. */
  readonly contains: readonly string[];
  /** Anthropic refuses this history too: so may the tool, with a 400. */
  readonly isRefusable?: boolean;
}

/** Calls and results of this history arrive in pairs. */
function paired({ messages, contains, isRefusable = false, ...about }: History): Case {
  return {
    ...about,
    group: 'Requests',
    async run({ upstream, ask }) {
      upstream.begin(sendText('ok'));
      const answer = await ask({ messages, tools });
      const [seen] = upstream.seen;
      if (seen === undefined) return verdict(isRefusable && answer.status === 400, outcome(answer));
      const fault = pairingFault(seen.body.messages);
      const missing = contains.find((text) => !seen.raw.includes(text));
      const lost = missing === undefined ? '' : `; "${missing}" is missing`;
      return verdict(fault === undefined && missing === undefined, `${fault ?? shape(seen.body.messages)}${lost}`);
    },
  };
}

export const REQUEST_CASES: readonly Case[] = [
  paired({
    id: 'system-entry',
    title: 'A `role: "system"` entry between a call and its result, as the client sends it',
    expects: 'the result directly behind its call, the text kept',
    messages: [
      user('begin'),
      assistant(use('t1')),
      { role: 'system', content: 'a note from the system' },
      user([result('t1')]),
      user('go on'),
    ],
    contains: ['a note from the system', 'result of t1'],
  }),
  paired({
    id: 'orphan',
    title: 'A result whose call is gone',
    expects: 'no tool message without a call, or a 400',
    messages: [
      user('begin'),
      assistant({ type: 'text', text: 'hm' }),
      user([result('t9'), { type: 'text', text: 'go on' }]),
    ],
    contains: ['go on'],
    isRefusable: true,
  }),
  paired({
    id: 'missing-result',
    title: 'A call that never got a result',
    expects: 'a result for every call, or a 400',
    messages: [user('begin'), assistant(use('t1'), use('t2')), user([result('t1'), { type: 'text', text: 'go on' }])],
    contains: ['result of t1', 'go on'],
    isRefusable: true,
  }),
  paired({
    id: 'duplicate-result',
    title: 'Two results for one call',
    expects: 'one tool message, or a 400',
    messages: [user('begin'), assistant(use('t1')), user([result('t1'), result('t1', 'once more')]), user('go on')],
    contains: ['result of t1'],
    isRefusable: true,
  }),
  paired({
    id: 'result-and-text',
    title: 'Text of the user behind two results',
    expects: 'both results before the text',
    messages: [
      user('begin'),
      assistant(use('t1'), use('t2')),
      user([result('t2'), result('t1'), { type: 'text', text: 'and then' }]),
    ],
    contains: ['and then', 'result of t1', 'result of t2'],
  }),
  oneRequest(
    {
      id: 'image-in-result',
      group: 'Requests',
      title: 'An image in a tool result',
      expects: 'an `image_url` part in a message that may hold one',
    },
    sendText('ok'),
    {
      tools,
      messages: [
        user('begin'),
        assistant(use('t1')),
        user([result('t1', [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }])]),
      ],
    },
    ({ body, raw }) => {
      const holder = body.messages?.find(({ content }) => JSON.stringify(content ?? '').includes('image_url'));
      const arrived = raw.includes(PNG);
      const seen = holder ? `in a ${holder.role} message` : arrived ? 'as text' : 'the image is gone';
      return verdict(holder?.role === 'user' && pairingFault(body.messages) === undefined, seen);
    },
  ),
  oneRequest(
    {
      id: 'thinking-history',
      group: 'Requests',
      title: 'Signed thinking of another provider in the history',
      expects: 'no field that Chat Completions does not have, no signature',
    },
    sendText('ok'),
    {
      messages: [
        user('begin'),
        assistant(
          { type: 'thinking', thinking: 'a thought', signature: 'c2lnbmVkLWJ5LWFudGhyb3BpYw==' },
          { type: 'text', text: 'said' },
        ),
        user('go on'),
      ],
    },
    ({ body, raw }) => {
      const strange = (body.messages ?? []).flatMap((message) =>
        Object.keys(message).filter((key) => !MESSAGE_FIELDS.includes(key)),
      );
      const signed = raw.includes('c2lnbmVkLWJ5');
      const seen = [...strange.map((key) => `field \`${key}\``), ...(signed ? ['the signature'] : [])].join(', ');
      return verdict(seen === '', seen || 'only known fields');
    },
  ),
  oneRequest(
    { id: 'stop-sequences', group: 'Requests', title: '`stop_sequences`', expects: 'in `stop`' },
    sendText('ok'),
    { stop_sequences: ['</block>'] },
    ({ body }) =>
      verdict(JSON.stringify(body.stop) === '["</block>"]', `\`stop\`: ${JSON.stringify(body.stop) ?? 'missing'}`),
  ),
  oneRequest(
    {
      id: 'attribution',
      group: 'Requests',
      title: 'The client’s attribution block in `system`',
      expects: 'not sent to a third party; the prompt is',
    },
    sendText('ok'),
    {
      system: [
        { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.0; cc_entrypoint=cli;' },
        { type: 'text', text: 'You are helpful.', cache_control: { type: 'ephemeral' } },
      ],
    },
    ({ raw }) => {
      const leaks = raw.includes('x-anthropic-billing-header');
      const kept = raw.includes('You are helpful.');
      return verdict(!leaks && kept, `${leaks ? 'sent' : 'left out'}${kept ? '' : '; the prompt is gone'}`);
    },
  ),
  {
    id: 'leak',
    group: 'Requests',
    title: 'What belongs to the client and to Anthropic',
    expects: 'the upstream’s key only; no client key, user id or session id',
    async run({ upstream, ask }) {
      upstream.begin(sendText('ok'));
      await ask(
        { metadata: { user_id: '{"device_id":"the-device"}' } },
        { headers: { 'x-claude-code-session-id': SESSION } },
      );
      const [seen] = upstream.seen;
      const all = `${JSON.stringify(seen?.headers)} ${seen?.raw}`;
      const leaks = [
        ['the client’s key', CLIENT_KEY],
        ['the user id', 'the-device'],
        ['the session id', SESSION],
      ].filter(([, value]) => all.includes(value ?? ''));
      const own = all.includes(UPSTREAM_KEY);
      const words = leaks.map(([name]) => name).join(', ');
      return verdict(
        own && leaks.length === 0,
        shorten(`${own ? 'its own key' : 'without its key'}${words && `; also ${words}`}`),
      );
    },
  },
];
