import fc from 'fast-check';

/** An answer as its parts, and the ways in which an upstream may put it on the wire. */
export interface Answered {
  readonly blocks: readonly AnswerBlock[];
  readonly stopReason: string;
}

export interface AnswerBlock {
  readonly type: 'text' | 'thinking' | 'tool_use';
  readonly pieces: readonly string[];
  readonly signature: string;
}

export interface Wire {
  readonly eol: '\n' | '\r\n' | '\r';
  readonly eventLines: boolean;
  readonly spaced: boolean;
  readonly reordered: boolean;
  readonly padded: boolean;
  readonly comments: boolean;
  readonly pings: boolean;
  readonly bom: boolean;
  readonly vendorEvents: boolean;
  readonly blankAtEnd: boolean;
  readonly messageStop: boolean;
  readonly usage: boolean;
  readonly callIds: 'good' | 'equal' | 'none' | 'odd';
  readonly starts: boolean;
  readonly stops: boolean;
  readonly stopReason: 'right' | 'wrong';
  readonly wholeInput: boolean;
}

/** A stream as an upstream that does everything right sends it. */
export const RIGHT: Wire = {
  eol: '\n',
  eventLines: true,
  spaced: false,
  reordered: false,
  padded: false,
  comments: false,
  pings: true,
  bom: false,
  vendorEvents: false,
  blankAtEnd: true,
  messageStop: true,
  usage: true,
  callIds: 'good',
  starts: true,
  stops: true,
  stopReason: 'right',
  wholeInput: false,
};

const piece = fc.oneof(
  fc.string({ minLength: 1, maxLength: 8 }),
  fc.constantFrom('é', '😀', '"', '\\', '\n\n', '\r\n', 'data: x\n\n', '\u2028', 'event: message_stop', '</think>'),
);
const argumentPieces = fc
  .tuple(
    fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 2 }), { minKeys: 1, maxKeys: 3 }),
    fc.array(fc.nat(), { maxLength: 4 }),
  )
  .map(([input, cuts]) => cutText(JSON.stringify(input), cuts));

const block: fc.Arbitrary<AnswerBlock> = fc.oneof(
  fc.record({
    type: fc.constant('text' as const),
    pieces: fc.array(piece, { minLength: 1, maxLength: 5 }),
    signature: fc.constant(''),
  }),
  fc.record({
    type: fc.constant('thinking' as const),
    pieces: fc.array(piece, { minLength: 1, maxLength: 3 }),
    signature: fc.base64String({ minLength: 4, maxLength: 40 }),
  }),
  fc.record({ type: fc.constant('tool_use' as const), pieces: argumentPieces, signature: fc.constant('') }),
);

export const answered: fc.Arbitrary<Answered> = fc
  .record({ blocks: fc.array(block, { minLength: 1, maxLength: 5 }), max: fc.boolean() })
  .map(({ blocks, max }) => ({
    blocks,
    stopReason: max ? 'max_tokens' : blocks.some(({ type }) => type === 'tool_use') ? 'tool_use' : 'end_turn',
  }));

/** Everything that an upstream may do to a stream without losing what it says. */
export const wire: fc.Arbitrary<Wire> = fc
  .record({
    eol: fc.constantFrom<Wire['eol']>('\n', '\n', '\n', '\r\n', '\r'),
    eventLines: often(),
    spaced: seldom(),
    reordered: seldom(),
    padded: seldom(),
    comments: seldom(),
    pings: fc.boolean(),
    bom: seldom(),
    vendorEvents: seldom(),
    blankAtEnd: often(),
    messageStop: often(),
    usage: often(),
    callIds: fc.constantFrom<Wire['callIds']>('good', 'good', 'equal', 'none', 'odd'),
    starts: often(),
    stops: often(),
    stopReason: fc.constantFrom<Wire['stopReason']>('right', 'right', 'wrong'),
    wholeInput: seldom(),
  })
  .map((chosen) => (chosen.messageStop ? chosen : { ...chosen, blankAtEnd: true }));

function often(): fc.Arbitrary<boolean> {
  return fc.nat(4).map((n) => n > 0);
}

function seldom(): fc.Arbitrary<boolean> {
  return fc.nat(4).map((n) => n === 0);
}

/** The bytes, and how many of them must have arrived for the answer to be whole. */
export function onTheWire(answer: Answered, wire: Wire): { bytes: Buffer; wholeAt: number } {
  let text = wire.bom ? '\ufeff' : '';
  let wholeAt = 0;
  const add = (type: string, fields: Record<string, unknown>): void => {
    if (wire.comments) text += `: keep-alive${wire.eol}${wire.eol}`;
    const ordered = wire.reordered ? { ...fields, type } : { type, ...fields };
    const json = wire.spaced ? JSON.stringify(ordered, null, 1).replace(/\n */g, ' ') : JSON.stringify(ordered);
    if (wire.eventLines) text += `event: ${type}${wire.eol}`;
    text += `data: ${wire.padded ? json.replace(/\}$/, '   }') : json}`;
    if (type === 'message_delta') wholeAt = Buffer.byteLength(text);
    text += wire.eol + wire.eol;
    if (wire.pings && type === 'message_start') add('ping', {});
    if (wire.vendorEvents && type === 'content_block_start') add('vendor_usage', { tokens: 1 });
  };
  const usage = (counts: Record<string, number>) => (wire.usage ? { usage: counts } : {});
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'up-stream',
    content: [],
    stop_reason: null,
    stop_sequence: null,
  };
  add('message_start', { message: { ...message, ...usage({ input_tokens: 9, output_tokens: 1 }) } });
  for (const [index, answerBlock] of answer.blocks.entries()) addBlock(answerBlock, index, wire, add);
  const right = wire.stopReason === 'right' || answer.stopReason === 'max_tokens';
  const reason = right ? answer.stopReason : answer.stopReason === 'tool_use' ? 'end_turn' : 'tool_use';
  add('message_delta', { delta: { stop_reason: reason, stop_sequence: null }, ...usage({ output_tokens: 7 }) });
  if (wire.messageStop) add('message_stop', {});
  const whole = wire.blankAtEnd ? text : text.slice(0, -2 * wire.eol.length);
  return { bytes: Buffer.from(whole, 'utf8'), wholeAt };
}

type Add = (type: string, fields: Record<string, unknown>) => void;

function addBlock({ type, pieces, signature }: AnswerBlock, index: number, wire: Wire, add: Add): void {
  const delta = (fields: Record<string, unknown>): void => add('content_block_delta', { index, delta: fields });
  if (type === 'text') {
    if (wire.starts) add('content_block_start', { index, content_block: { type, text: '' } });
    for (const text of pieces) delta({ type: 'text_delta', text });
  } else if (type === 'thinking') {
    if (wire.starts) add('content_block_start', { index, content_block: { type, thinking: '' } });
    for (const thinking of pieces) delta({ type: 'thinking_delta', thinking });
    delta({ type: 'signature_delta', signature });
  } else {
    const ids = {
      good: { id: `toolu_${index}abcdef` },
      equal: { id: 'call_0' },
      none: {},
      odd: { id: 'functions.Read:0' },
    };
    const json = pieces.join('');
    const input = wire.wholeInput ? (JSON.parse(json) as unknown) : {};
    add('content_block_start', { index, content_block: { type, ...ids[wire.callIds], name: `Tool${index}`, input } });
    if (!wire.wholeInput) for (const partial_json of pieces) delta({ type: 'input_json_delta', partial_json });
  }
  if (wire.stops || !wire.starts) add('content_block_stop', { index });
}

export function cutText(text: string, cuts: readonly number[]): string[] {
  const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b);
  return [...places, text.length].map((end, at) => text.slice(places[at - 1] ?? 0, end)).filter((part) => part !== '');
}

export function cutBytes(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...places, bytes.length].map((end, at) => bytes.subarray(places[at - 1] ?? 0, end));
}
