import type { Protocol } from '../protocol.ts';
import { Answer } from './answer.ts';
import { errorFault } from './error.ts';
import { MessagesPassthrough } from './passthrough.ts';
import { encodeRequest } from './request.ts';
import { wholeAnswer } from './whole.ts';

/** The Messages API upstream: Anthropic itself, and the endpoints that speak its dialect. */
export const anthropicMessages: Protocol = {
  encode: encodeRequest,
  stream: (env, target, context) => new MessagesPassthrough(new Answer(env, target, context)),
  whole: (body, env, target, context) => wholeAnswer(body, new Answer(env, target, context)),
  error: errorFault,
};
