import type { Protocol } from '../protocol.ts';
import { errorFault } from './error.ts';
import { encodeRequest } from './request.ts';
import { decodeWhole } from './response.ts';
import { ChatStream } from './stream.ts';

/** OpenAI Chat Completions and everything that calls itself compatible. */
export const openaiChat: Protocol = {
  encode: encodeRequest,
  stream: (env, target, context) => new ChatStream(env, target, context),
  whole: decodeWhole,
  error: errorFault,
};
