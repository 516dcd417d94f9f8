import fc from 'fast-check';

type Fields = Record<string, unknown>;

/** How a server writes its JSON: what a reader that compares bytes must not be misled by. */
export interface Writing {
  readonly spaced: boolean;
  /** Everything outside of ASCII as `\uXXXX`. */
  readonly ascii: boolean;
  readonly slashes: boolean;
  /** Every field of the delta in every chunk, most of them `null`. */
  readonly nulls: boolean;
  /** Another id in every chunk. */
  readonly ids: boolean;
  /** A field that changes with every chunk: `none`, before the choices, behind them, or within the delta. */
  readonly changing: 'none' | 'before' | 'behind' | 'usage' | 'delta';
  readonly finishWithText: boolean;
  readonly eol: '\n' | '\r\n' | '\r';
  readonly envelope: 'data' | 'event' | 'tight' | 'lines' | 'list';
  readonly comments: boolean;
}

export type Said =
  | { readonly kind: 'text' | 'reasoning' | 'other-reasoning'; readonly pieces: readonly string[] }
  | { readonly kind: 'both'; readonly reasoning: string; readonly text: string }
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly pieces: readonly string[];
      readonly index: boolean;
      /** Id and name in every chunk. */
      readonly repeats: boolean;
    }
  /** Two calls whose arguments come by turns. */
  | { readonly kind: 'calls'; readonly pieces: readonly (readonly string[])[] }
  /** Text in chunks that say something else as well, the same in each. */
  | {
      readonly kind: 'more';
      readonly pieces: readonly string[];
      readonly more: 'refusal' | 'finish' | 'decoy' | 'stop';
    }
  /** Every chunk repeats all of it. */
  | { readonly kind: 'snapshots'; readonly pieces: readonly string[] }
  | { readonly kind: 'choice'; readonly text: string }
  | { readonly kind: 'raw'; readonly data: string };

export interface ChatScript {
  readonly said: readonly Said[];
  readonly finish: string | undefined;
  readonly done: boolean;
  readonly usage: 'none' | 'end' | 'with-finish' | 'before';
  /** A control character inside of the first string of this event, which no JSON may hold. */
  readonly broken: number | undefined;
}

const WORDS = [
  'Hello',
  ' wörld ',
  '日本語',
  '👩‍💻',
  '\n\n',
  '\t',
  '"quoted"',
  'back\\slash',
  'a/b',
  '\\u0041',
  '\\"',
  '"},"finish_reason":"stop"}]}',
  '"content":"',
  '{"a":1}',
  '}',
  ']',
  '<b>',
  '[x]',
  '<|im_end|>',
  '</s>',
  '<think>',
  '</think>',
  '`',
  '\u0007',
  '\u0085',
  '\u2028',
  'data: [DONE]',
  ' ',
];
const piece = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 3 }).map((words) => words.join(''));
const long = fc.constantFrom('r'.repeat(4_200), 'word '.repeat(900));
const pieces = fc.oneof(
  { arbitrary: fc.array(piece, { minLength: 1, maxLength: 8 }), weight: 4 },
  { arbitrary: fc.tuple(long, fc.array(piece, { maxLength: 6 })).map(([head, rest]) => [head, ...rest]), weight: 1 },
);
const argumentPieces = fc
  .tuple(
    fc.dictionary(piece, fc.oneof(piece, fc.jsonValue({ maxDepth: 2 })), { maxKeys: 3 }),
    fc.oneof(fc.array(fc.nat(200), { maxLength: 8 }), fc.constant(Array.from({ length: 40 }, (_, at) => at))),
    fc.constantFrom('', '', '', '\n', '}', '<|im_end|>', '{"b":2}'),
  )
  .map(([value, cuts, tail]) => cutAt(JSON.stringify(value) + tail, cuts));

const said: fc.Arbitrary<Said> = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constantFrom('text' as const), pieces }), weight: 4 },
  {
    arbitrary: fc.record({ kind: fc.constantFrom('reasoning' as const, 'other-reasoning' as const), pieces }),
    weight: 3,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      name: fc.constantFrom('Read', 'Ls', 'Unknown'),
      pieces: argumentPieces,
      index: fc.boolean(),
      repeats: fc.boolean(),
    }),
    weight: 3,
  },
  {
    arbitrary: fc.record({ kind: fc.constant('calls' as const), pieces: fc.tuple(argumentPieces, argumentPieces) }),
    weight: 1,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('more' as const),
      pieces: fc.array(fc.constantFrom('a', 'b'), { minLength: 2, maxLength: 5 }),
      more: fc.constantFrom('refusal' as const, 'finish' as const, 'decoy' as const, 'stop' as const),
    }),
    weight: 1,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('snapshots' as const),
      pieces: fc.array(piece, { minLength: 2, maxLength: 5 }),
    }),
    weight: 1,
  },
  { arbitrary: fc.record({ kind: fc.constant('both' as const), reasoning: piece, text: piece }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant('choice' as const), text: piece }), weight: 1 },
  {
    arbitrary: fc.record({
      kind: fc.constant('raw' as const),
      data: fc.constantFrom(
        'hello',
        '',
        '[]',
        '{}',
        '{"choices":[]}',
        '{"choices":[{"index":0,"delta":null}]}',
        '{"id":"c","choices":[{"index":0,"delta":{"content":"a","content":"b"},"finish_reason":null}]}',
        '{"content":"x","choices":[{"index":0,"delta":{"content":"y"}}]}',
        '{"choices":[{"index":0,"delta":{"content":"y","refusal":"no"}}]}',
        '{"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}',
        '{"choices":[{"index":0,"message":{"content":"whole"},"finish_reason":null}]}',
      ),
    }),
    weight: 1,
  },
);

export const chatScript: fc.Arbitrary<ChatScript> = fc.record({
  said: fc.array(said, { maxLength: 7 }),
  finish: fc.constantFrom('stop', 'stop', 'length', 'tool_calls', undefined),
  done: fc.boolean(),
  usage: fc.constantFrom<ChatScript['usage']>('none', 'end', 'with-finish', 'before'),
  broken: fc.option(fc.nat(30), { freq: 8, nil: undefined }),
});

function seldom(): fc.Arbitrary<boolean> {
  return fc.nat(4).map((n) => n === 0);
}

export const writing: fc.Arbitrary<Writing> = fc.record({
  spaced: fc.boolean(),
  ascii: fc.boolean(),
  slashes: fc.boolean(),
  nulls: fc.boolean(),
  ids: seldom(),
  changing: fc.oneof(
    { arbitrary: fc.constant('none' as const), weight: 4 },
    { arbitrary: fc.constantFrom<Writing['changing']>('before', 'behind', 'usage', 'delta'), weight: 1 },
  ),
  finishWithText: fc.boolean(),
  eol: fc.constantFrom<Writing['eol']>('\n', '\n', '\r\n', '\r'),
  envelope: fc.constantFrom<Writing['envelope']>('data', 'data', 'data', 'event', 'tight', 'lines', 'list'),
  comments: fc.boolean(),
});

/** The data of every event, without `[DONE]`, as a server of this writing sends it. */
export function chatEvents({ said: items, finish, usage, broken }: ChatScript, how: Writing): string[] {
  const out: string[] = [];
  let calls = 0;
  const counts = (): Fields => ({ prompt_tokens: 9, completion_tokens: out.length + 1, total_tokens: out.length + 10 });
  const chunk = (delta: Fields, finish_reason: string | null = null, more: Fields = {}, index = 0): void => {
    const nulls: Fields = how.nulls
      ? {
          role: 'assistant',
          content: null,
          reasoning_content: null,
          tool_calls: null,
          refusal: null,
          function_call: null,
        }
      : {};
    const changing = how.changing === 'delta' ? { logprobs: { at: out.length } } : {};
    const choice = { index, delta: { ...nulls, ...delta, ...changing }, logprobs: null, finish_reason };
    out.push(
      write(
        {
          id: how.ids ? `c-${out.length}` : 'c',
          object: 'chat.completion.chunk',
          ...(how.changing === 'before' ? { created: out.length } : {}),
          choices: [choice],
          ...(how.changing === 'behind' ? { at: out.length } : {}),
          ...(how.changing === 'usage' ? { usage: counts() } : how.nulls ? { usage: null } : {}),
          ...more,
        },
        how,
      ),
    );
  };
  if (usage === 'before') out.push(write({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } }, how));
  chunk({ role: 'assistant', content: '' });
  for (const item of items) {
    switch (item.kind) {
      case 'text':
        for (const content of item.pieces) chunk({ content });
        break;
      case 'reasoning':
        for (const reasoning_content of item.pieces) chunk({ reasoning_content });
        break;
      case 'other-reasoning':
        for (const reasoning of item.pieces) chunk({ reasoning });
        break;
      case 'calls':
        calls = interleaved(item.pieces, calls, chunk);
        break;
      case 'more':
        item.pieces.forEach((content, at) => {
          const finishes = item.more === 'finish' || item.more === 'stop';
          if (item.more === 'decoy')
            out.push(write({ content: `${at}`, choices: [{ index: 0, delta: { content } }] }, how));
          else chunk(item.more === 'refusal' ? { content, refusal: 'no' } : { content }, finishes ? item.more : null);
        });
        break;
      case 'snapshots':
        item.pieces.forEach((_, at) => {
          chunk({ content: item.pieces.slice(0, at + 1).join('') });
        });
        break;
      case 'both':
        chunk({ reasoning_content: item.reasoning, content: item.text });
        break;
      case 'choice':
        chunk({ content: item.text }, null, {}, 1);
        break;
      case 'raw':
        out.push(item.data);
        break;
      case 'call': {
        const place = item.index ? { index: calls } : {};
        calls += 1;
        const head = { ...place, id: `call_${calls}`, type: 'function', function: { name: item.name, arguments: '' } };
        chunk({ tool_calls: [head] });
        for (const text of item.pieces) {
          const again = { ...head, function: { name: item.name, arguments: text } };
          chunk({ tool_calls: [item.repeats ? again : { ...place, function: { arguments: text } }] });
        }
      }
    }
  }
  const last = usage === 'with-finish' ? { usage: counts() } : {};
  if (finish !== undefined) chunk(how.finishWithText ? { content: 'end' } : {}, finish, last);
  if (usage === 'end') out.push(write({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } }, how));
  const control = broken !== undefined && broken % 2 === 0 ? '\t' : '\u0007';
  return out.map((data, at) => (at === broken ? data.replace(/"content": ?"/, `$&${control}`) : data));
}

/** The second call begins when the first has said something. */
function interleaved(pieces: readonly (readonly string[])[], first: number, chunk: (delta: Fields) => void): number {
  const most = Math.max(...pieces.map((each) => each.length)) + 2 * pieces.length;
  for (let turn = 0; turn < most; turn += 1) {
    pieces.forEach((each, at) => {
      const index = first + at;
      const head = { index, id: `call_${index + 1}`, type: 'function', function: { name: 'Read', arguments: '' } };
      if (turn === 2 * at) chunk({ tool_calls: [head] });
      const text = each[turn - 2 * at];
      if (text !== undefined) chunk({ tool_calls: [{ index, function: { arguments: text } }] });
    });
  }
  return first + pieces.length;
}

/** The events on the wire. */
export function chatBytes(events: readonly string[], done: boolean, { eol, envelope, comments }: Writing): Buffer {
  const lines: string[] = [];
  for (const data of done ? [...events, '[DONE]'] : events) {
    if (comments) lines.push(': keep-alive', '');
    if (envelope === 'event') lines.push('event: message', 'id: 1');
    if (envelope === 'lines' && data.includes(',"choices"')) {
      const at = data.indexOf(',"choices"');
      lines.push(`data: ${data.slice(0, at)}`, `data: ${data.slice(at)}`, '');
    } else if (envelope === 'list' && data.startsWith('{')) lines.push(`data: [${data}]`, '');
    else lines.push(`${envelope === 'tight' ? 'data:' : 'data: '}${data}`, '');
  }
  return Buffer.from(lines.map((line) => line + eol).join(''), 'utf8');
}

function write(value: unknown, how: Writing): string {
  let json = JSON.stringify(value);
  if (how.spaced) json = JSON.stringify(value, null, 1).replace(/\n */g, ' ');
  if (how.slashes) json = json.replaceAll('/', '\\/');
  if (!how.ascii) return json;
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function cutAt(text: string, cuts: readonly number[]): string[] {
  const points = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
  return [...points, text.length].map((end, at) => text.slice(points[at - 1] ?? 0, end)).filter((part) => part !== '');
}
