import { type Case, oneAnswer, outcome, verdict } from './battery.ts';
import { sendJson } from './upstream.ts';

const OVERFLOW = {
  error: {
    message:
      "This model's maximum context length is 131072 tokens. However, your messages resulted in 140000 tokens. Please reduce the length of the messages.",
    type: 'invalid_request_error',
    param: 'messages',
    code: 'context_length_exceeded',
  },
};

const TERSE_OVERFLOW = {
  error: {
    code: 400,
    message: 'the request exceeds the available context size, try increasing it',
    type: 'exceed_context_size_error',
    n_prompt_tokens: 9000,
    n_ctx: 8192,
  },
};

/** Texts on which the client compacts. */
const COMPACTS = /prompt is too long|maximum context length/i;

export const ERROR_CASES: readonly Case[] = [
  oneAnswer(
    {
      id: 'overflow',
      group: 'Errors',
      title: 'Context overflow in the words of OpenAI',
      expects: 'a 400 in words on which the client compacts',
    },
    sendJson(400, OVERFLOW),
    (answer) => verdict(answer.status === 400 && COMPACTS.test(answer.error ?? ''), outcome(answer)),
  ),
  oneAnswer(
    {
      id: 'overflow-local',
      group: 'Errors',
      title: 'Context overflow in the words of llama.cpp',
      expects: 'a 400 in words on which the client compacts',
    },
    sendJson(400, TERSE_OVERFLOW),
    (answer) => verdict(answer.status === 400 && COMPACTS.test(answer.error ?? ''), outcome(answer)),
  ),
  oneAnswer(
    {
      id: 'unauthorized',
      group: 'Errors',
      title: '401',
      expects: '401 with the upstream’s words',
    },
    sendJson(401, {
      error: { message: 'Incorrect API key provided', type: 'invalid_request_error', code: 'invalid_api_key' },
    }),
    (answer) => verdict(answer.status === 401 && (answer.error ?? '').includes('Incorrect API key'), outcome(answer)),
  ),
  oneAnswer(
    {
      id: 'rate-limit',
      group: 'Errors',
      title: '429 with `retry-after: 90`',
      expects: '429 with `retry-after` in whole seconds',
    },
    sendJson(
      429,
      { error: { message: 'Rate limit reached', type: 'rate_limit', code: 'rate_limit_exceeded' } },
      { 'retry-after': '90' },
    ),
    (answer) => {
      const after = answer.headers['retry-after'];
      const isWhole = /^(8\d|90|91)$/.test(after ?? '');
      return verdict(answer.status === 429 && isWhole, `${outcome(answer)}; retry-after ${after ?? 'missing'}`);
    },
  ),
  oneAnswer(
    {
      id: 'malformed',
      group: 'Errors',
      title: 'A request that is none: `messages` is text',
      expects: 'a 400, no request to the upstream',
    },
    sendJson(200, {}),
    (answer, { upstream }) =>
      verdict(
        answer.status === 400 && upstream.seen.length === 0,
        `${outcome(answer)}; ${upstream.seen.length} requests to the upstream`,
      ),
    { messages: 'hello' },
  ),
];
