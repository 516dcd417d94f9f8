import type { Envelope } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import type { EncodedRequest, ProtocolContext } from '../protocol.ts';
import { RequestDraft } from './draft.ts';
import { genuineHeaders, thirdPartyHeaders } from './headers.ts';
import { repairHistory } from './history.ts';
import { applyThinkingChoice, fitEffort, fitThinking } from './thinking-param.ts';
import { dropBlankStops, fitThirdParty } from './third-party.ts';

/**
 * One request for an endpoint of the Messages API. Anthropic gets an open list: everything as it came but for the model
 * and for thinking that another provider made. Any other endpoint gets what it declares to take, and nothing that
 * belongs to Anthropic. Throws `MidswapError` where a request that has to be edited is not one.
 */
export function encodeRequest(env: Envelope, target: Target, context: ProtocolContext): EncodedRequest {
  const { anthropicGenuine } = target.quirks;
  const draft = new RequestDraft(env);
  // What a history needs depends on the thinking that goes out with it.
  applyThinkingChoice(draft, target);
  fitThinking(draft, target);
  repairHistory(draft, target, context);
  dropBlankStops(draft);
  if (!anthropicGenuine) fitThirdParty(draft, target);
  else if (target.quirks.messages.effort !== 'yes') fitEffort(draft, target);
  if (target.model !== undefined && target.model !== env.model) draft.set('model', target.model);
  return {
    path: anthropicGenuine ? env.path : withoutQuery(env.path),
    headers: anthropicGenuine ? genuineHeaders(env.headers) : thirdPartyHeaders(env.headers),
    body: withWholeCharacters(draft.bytes()),
    notes: draft.notes,
  };
}

/** The client's query (`beta=true`) means something to Anthropic only, and is a 404 at some others. */
function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}

/**
 * Half of a surrogate pair, which binary tool output leaves in a history, is refused by strict parsers for the rest of
 * the conversation: it becomes U+FFFD, which takes the same room. The client writes whole characters without escapes, so
 * there is nothing to look at in nearly every request.
 */
function withWholeCharacters(pieces: readonly Buffer[]): Buffer[] {
  return pieces.map((piece) => {
    let repaired: Buffer | undefined;
    let next = 0;
    for (let at = piece.indexOf(ESCAPE); at !== -1; at = piece.indexOf(ESCAPE, next)) {
      next = at + 2;
      if (isEscaped(piece, at)) continue;
      const half = surrogateAt(piece, at);
      if (half === undefined) continue;
      next = at + 6;
      if (half === 'high' && surrogateAt(piece, next) === 'low') {
        next = at + 12;
        continue;
      }
      repaired ??= Buffer.from(piece);
      repaired.write('\\ufffd', at, 'latin1');
    }
    return repaired ?? piece;
  });
}

const ESCAPE = Buffer.from('\\u');
const BACKSLASH = 0x5c;

/** Which half of a pair is written as an escape here. */
function surrogateAt(bytes: Buffer, at: number): 'high' | 'low' | undefined {
  if (bytes[at] !== BACKSLASH || bytes[at + 1] !== 0x75 || ((bytes[at + 2] ?? 0) | 0x20) !== 0x64) return undefined;
  const digit = Number.parseInt(String.fromCharCode(bytes[at + 3] ?? 0), 16);
  if (Number.isNaN(digit) || digit < 8) return undefined;
  return digit < 12 ? 'high' : 'low';
}

function isEscaped(bytes: Buffer, at: number): boolean {
  let before = at - 1;
  while (bytes[before] === BACKSLASH) before -= 1;
  return ((at - before) & 1) === 0;
}
