import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chatContext, chatTarget, envelopeOf } from '../../../test/support/chat-target.ts';
import { checkMessages } from '../../../test/support/messages-grammar.ts';
import type { ChatQuirks } from '../../core/target.ts';
import type { StreamTranslator } from '../protocol.ts';
import { openaiChat } from './index.ts';

type Item =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'reasoning'; readonly text: string }
  | { readonly kind: 'call'; readonly name: string; readonly pieces: readonly string[]; readonly withIndex: boolean }
  | { readonly kind: 'noise'; readonly line: string };

interface Script {
  readonly items: readonly Item[];
  readonly finish: string | undefined;
  readonly done: boolean;
  readonly usage: boolean;
  /** Every chunk has an id of its own, so that no chunk is like another. */
  readonly uniqueIds: boolean;
  readonly newline: string;
}

const TEXTS = [
  'Hello',
  ' wörld ',
  '日本語',
  '👩‍💻',
  '\n\n',
  '"quoted"',
  'back\\slash',
  '<b>',
  '[x]',
  '<|im',
  'a`b',
  '\u0007',
  '</s> no',
  '\u2028',
];
const text = fc.array(fc.constantFrom(...TEXTS), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
const input = fc.oneof(
  fc.dictionary(
    fc.constantFrom('a', 'path', 'ü"'),
    fc.oneof(text, fc.integer(), fc.constant(null), fc.array(text, { maxLength: 2 })),
    { maxKeys: 3 },
  ),
);
const piecesOf = (json: string, cuts: readonly number[]): string[] => {
  const points = [...new Set(cuts.map((cut) => cut % (json.length + 1)))].sort((a, b) => a - b);
  return [...points, json.length]
    .map((end, at) => json.slice(points[at - 1] ?? 0, end))
    .filter((piece) => piece !== '');
};
const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ kind: fc.constant('text' as const), text }),
  fc.record({ kind: fc.constant('reasoning' as const), text }),
  fc.record({
    kind: fc.constant('call' as const),
    name: fc.constantFrom('Read', 'Ls', 'mcp__srv.name'),
    pieces: fc
      .tuple(input, fc.array(fc.nat(60), { maxLength: 4 }))
      .map(([value, cuts]) => piecesOf(JSON.stringify(value), cuts)),
    withIndex: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('noise' as const),
    line: fc.constantFrom(': keep-alive', 'event: message', 'retry: 10', 'data: hello', 'data:'),
  }),
);
const script: fc.Arbitrary<Script> = fc.record({
  items: fc.array(item, { maxLength: 8 }),
  finish: fc.constantFrom('stop', 'length', 'tool_calls', 'eos', undefined),
  done: fc.boolean(),
  usage: fc.boolean(),
  uniqueIds: fc.boolean(),
  newline: fc.constantFrom('\n', '\r\n', '\r'),
});
const REQUEST = {
  max_tokens: 100,
  stream: true,
  messages: [{ role: 'user', content: 'q' }],
  tools: [{ name: 'Read' }, { name: 'Ls' }, { name: 'mcp__srv.name' }],
};
const TARGET = chatTarget();
const ENV = envelopeOf(REQUEST);
const UPSTREAM_NAME = (
  JSON.parse(Buffer.concat([...openaiChat.encode(ENV, TARGET, chatContext()).body]).toString()).tools as {
    function: { name: string };
  }[]
).map((tool) => tool.function.name);

/** The bytes of the script as an upstream sends them. */
function upstreamBytes({ items, finish, done, usage, uniqueIds, newline }: Script): Buffer {
  const lines: string[] = [];
  let chunks = 0;
  let calls = 0;
  const chunk = (delta: unknown, finish_reason: string | null = null, more = {}): void => {
    chunks += 1;
    const id = uniqueIds ? `c-${chunks}` : 'c';
    lines.push(`data: ${JSON.stringify({ id, choices: [{ index: 0, delta, finish_reason }], ...more })}`, '');
  };
  chunk({ role: 'assistant', content: '' });
  for (const each of items) {
    if (each.kind === 'noise') lines.push(each.line, '');
    else if (each.kind === 'text') chunk({ content: each.text });
    else if (each.kind === 'reasoning') chunk({ reasoning_content: each.text });
    else {
      const index = each.withIndex ? { index: calls } : {};
      calls += 1;
      const name = UPSTREAM_NAME[REQUEST.tools.findIndex((tool) => tool.name === each.name)];
      chunk({ tool_calls: [{ ...index, id: `call_${calls}`, type: 'function', function: { name, arguments: '' } }] });
      for (const piece of each.pieces) chunk({ tool_calls: [{ ...index, function: { arguments: piece } }] });
    }
  }
  if (finish !== undefined) chunk({}, finish);
  if (usage)
    lines.push(`data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } })}`, '');
  if (done) lines.push('data: [DONE]', '');
  return Buffer.from(lines.map((line) => line + newline).join(''));
}

function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const points = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...points, bytes.length].map((end, at) => bytes.subarray(points[at - 1] ?? 0, end));
}

type Translator = (quirks: Partial<ChatQuirks>) => StreamTranslator;
const translator: Translator = (quirks) => openaiChat.stream(ENV, chatTarget(quirks), chatContext());

function run(chunks: readonly Buffer[], make: Translator = translator, quirks: Partial<ChatQuirks> = {}) {
  const machine = make(quirks);
  const out: Buffer[] = [];
  for (const chunk of chunks) out.push(...machine.push(chunk));
  out.push(...machine.end());
  const bytes = Buffer.concat(out);
  return { bytes, machine, message: checkMessages(bytes) };
}

const cuts = fc.array(fc.nat(5_000), { maxLength: 30 });

/** The whole contract of a stream, as one property of a translator. */
function contract(make: Translator) {
  return fc.property(script, cuts, fc.nat(5_000), (given, split, cut) => {
    const bytes = upstreamBytes(given);
    const whole = run([bytes], make);
    const inPieces = run(pieces(bytes, split), make);
    expect(inPieces.bytes.toString()).toBe(whole.bytes.toString());
    expect(whole.message.problems).toEqual([]);
    const isEnded = given.finish !== undefined || given.done;
    expect(whole.message.complete).toBe(isEnded);
    expect(whole.machine.state).toBe(isEnded ? 'done' : 'failed');
    const said = (kind: string): string =>
      given.items.map((each) => (each.kind === kind && 'text' in each ? each.text : '')).join('');
    const shown = (kind: string): string =>
      whole.message.blocks.map((block) => (block.type === kind ? block.text : '')).join('');
    const isOnlyReasoning = said('text').trim() === '';
    const hasCalls = given.items.some(({ kind }) => kind === 'call');
    const late = isOnlyReasoning || hasCalls ? '' : reasoningAtEnd(given.items);
    const thought = `${said('reasoning')}<end>`;
    if (isEnded) expect([thought, thought.replace(`${late}<end>`, '<end>')]).toContain(`${shown('thinking')}<end>`);
    else expect(thought.startsWith(shown('thinking'))).toBe(true);
    if (isEnded && !isOnlyReasoning) expect(`${shown('text')}<end>`).toBe(`${trimEnd(said('text'))}<end>`);
    const wanted = given.items.flatMap((each) => (each.kind === 'call' ? [`${each.name}${each.pieces.join('')}`] : []));
    expect(
      whole.message.blocks.flatMap((block) => (block.type === 'tool_use' ? [`${block.name}${block.text}`] : [])),
    ).toEqual(wanted);
    if (given.usage && isEnded) expect(whole.message.usage).toMatchObject({ input_tokens: 9, output_tokens: 4 });
    // Cut before the upstream's own end: never an end of the message, whatever had been sent.
    const end = endOf(bytes, given);
    const early = run([bytes.subarray(0, cut % Math.max(1, end))], make);
    expect(early.message.problems).toEqual([]);
    expect(early.message.complete).toBe(false);
    expect(early.machine.state).toBe('failed');
    expect(early.message.events).not.toContain('message_delta');
  });
}

/** Reasoning with nothing behind it: an answer that calls no tool does not end with it. */
function reasoningAtEnd(items: readonly Item[]): string {
  const last = items.findLastIndex(({ kind }) => kind === 'text' || kind === 'call');
  return items
    .slice(last + 1)
    .map((item) => (item.kind === 'reasoning' ? item.text : ''))
    .join('');
}

/** End tokens at the very end are not shown. */
function trimEnd(value: string): string {
  return value.replace(/(?:<\/s>\s*)+$/, '');
}

/** Where the bytes begin in which the upstream says that it has ended. */
function endOf(bytes: Buffer, { finish, done }: Script): number {
  const mark = finish !== undefined ? `"finish_reason":"${finish}"` : done ? '[DONE]' : undefined;
  const at = mark === undefined ? -1 : bytes.lastIndexOf(mark);
  return at === -1 ? bytes.length + 1 : at;
}

describe('any stream of an upstream', () => {
  it('becomes a message that follows the grammar, loses nothing, and is cut when it is cut', () => {
    fc.assert(contract(translator), { numRuns: 400 });
  });

  it('gives the same whether its chunks are copied or parsed', () => {
    fc.assert(
      fc.property(script, (given) => {
        const copied = run([upstreamBytes({ ...given, uniqueIds: false })]).message;
        const parsed = run([upstreamBytes({ ...given, uniqueIds: true })]).message;
        expect(copied.blocks).toEqual(parsed.blocks);
        expect(copied.stopReason).toBe(parsed.stopReason);
      }),
    );
  });

  it('follows the grammar under every quirk, and never ends by itself', () => {
    const quirks = fc.record({
      thinkTags: fc.boolean(),
      thinkTagStyle: fc.constantFrom<ChatQuirks['thinkTagStyle']>('start', 'implicit', 'interleaved'),
      textToolCalls: fc.constantFrom<ChatQuirks['textToolCalls']>([], ['hermes', 'glm', 'qwen-xml'], ['kimi', 'dsml']),
      snapshotDeltas: fc.boolean(),
      reasoningField: fc.constantFrom<ChatQuirks['reasoningField']>('none', 'reasoning_details'),
    });
    fc.assert(
      fc.property(script, quirks, cuts, (given, flags, split) => {
        const bytes = upstreamBytes(given);
        const whole = run([bytes], translator, flags);
        expect(whole.message.problems).toEqual([]);
        expect(run(pieces(bytes, split), translator, flags).bytes.toString()).toBe(whole.bytes.toString());
        if (given.finish === undefined && !given.done) expect(whole.message.complete).toBe(false);
      }),
    );
  });

  it('never throws, whatever the bytes are', () => {
    const soup = fc.array(
      fc.constantFrom(
        'data: ',
        '{"choices":[',
        '{"delta":{"content":"a"}',
        '}',
        ']',
        '\n',
        '\n\n',
        '"',
        '[DONE]',
        '{"tool_calls":[{"index":0}]}',
        '<html>',
        '\ufeff',
        'null',
        ':',
        '\\u00',
      ),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(soup, fc.uint8Array({ maxLength: 40 }), (words, noise) => {
        const { message, machine } = run([Buffer.from(words.join('')), Buffer.from(noise)]);
        expect(message.problems).toEqual([]);
        expect(['failed', 'done']).toContain(machine.state);
      }),
    );
  });

  it('never throws, whatever the chunks hold', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom('a', '', 'stop', 0, -1, 1.5, null, true, '{"a":', '{}'),
        fc.array(tie('any'), { maxLength: 2 }),
        fc.dictionary(
          fc.constantFrom(
            'content',
            'delta',
            'tool_calls',
            'function',
            'name',
            'arguments',
            'id',
            'index',
            'reasoning',
            'usage',
            'message',
            'finish_reason',
            'function_call',
            'reasoning_details',
            'extra_content',
          ),
          tie('any'),
          { maxKeys: 4 },
        ),
      ),
    })).any;
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { maxLength: 5 }), (deltas) => {
        const chunks = deltas.map(
          ([delta, finish_reason]) => `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`,
        );
        expect(run([Buffer.from(`${chunks.join('')}data: [DONE]\n\n`)]).message.problems).toEqual([]);
      }),
    );
  });
});

describe('the property itself', () => {
  /** A translator with a fault that has been seen in the wild. */
  const faulty =
    (change: (machine: StreamTranslator) => Partial<StreamTranslator>): Translator =>
    (quirks) => {
      const machine = translator(quirks);
      const changed = change(machine);
      return {
        push: (chunk) => (changed.push ?? machine.push.bind(machine))(chunk),
        end: () => (changed.end ?? machine.end.bind(machine))(),
        get usage() {
          return machine.usage;
        },
        get state() {
          return machine.state;
        },
        get fault() {
          return machine.fault;
        },
      };
    };
  const onOutput = (edit: (text: string) => string) =>
    faulty((machine) => {
      const edited = (pieces: readonly Buffer[]): Buffer[] =>
        pieces.map((bytes) => Buffer.from(edit(bytes.toString())));
      return { push: (chunk) => edited(machine.push(chunk)), end: () => edited(machine.end()) };
    });

  it.each<[string, Translator]>([
    [
      'text decoded chunk by chunk',
      faulty((machine) => ({ push: (chunk) => machine.push(Buffer.from(chunk.toString('utf8'))) })),
    ],
    [
      'a cut that ends the turn',
      faulty((machine) => ({
        end: () => {
          const pieces = machine.end();
          const stop = Buffer.from('event: message_stop\ndata: {"type":"message_stop"}\n\n');
          return pieces.length === 0 && machine.state === 'failed' ? [stop] : pieces;
        },
      })),
    ],
    [
      'text written into a call',
      onOutput((out) => out.replace('"type":"input_json_delta","partial_json"', '"type":"text_delta","text"')),
    ],
    [
      'an end of turn in spite of calls',
      onOutput((out) => out.replace('"stop_reason":"tool_use"', '"stop_reason":"end_turn"')),
    ],
    ['a block that is not closed', onOutput((out) => out.replace(/event: content_block_stop\n.*\n\n/, ''))],
    [
      'a lost piece of arguments',
      onOutput((out) => out.replace(/event: content_block_delta\ndata: .*input_json_delta.*\n\n/, '')),
    ],
    ['a lost delta', onOutput((out) => out.replace(/event: content_block_delta\ndata: .*text_delta.*\n\n/, ''))],
    [
      'an end mark that is passed on',
      onOutput((out) => out.replace(/("type":"message_stop"\}\n\n)/, '$1data: [DONE]\n\n')),
    ],
    [
      'carriage returns that are not understood',
      faulty((machine) => ({ push: (chunk) => machine.push(Buffer.from(chunk.filter((byte) => byte !== 0x0d))) })),
    ],
    ['a name that is not mapped back', onOutput((out) => out.replace('mcp__srv.name', 'mcp__srv_name'))],
  ])('turns red for %s', (_name, make) => {
    expect(fc.check(contract(make), { numRuns: 400 }).failed).toBe(true);
  });
});
