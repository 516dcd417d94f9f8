import { describe, expect, it } from 'vitest';
import { chatTarget, envelopeOf } from '../../../test/support/chat-target.ts';
import type { UpstreamFault } from '../../core/failure.ts';
import { ToolNames } from '../tool-names.ts';
import { openaiChat } from './index.ts';

const REQUEST = { messages: [{ role: 'user', content: 'q' }], tools: [{ name: 'mcp__srv.name' }] };

function fault(status: number, body: unknown, headers: Record<string, string> = {}): UpstreamFault {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return openaiChat.error(status, headers, bytes, envelopeOf(REQUEST), chatTarget());
}

describe('errors of a Chat Completions upstream', () => {
  it.each<[number, unknown, object]>([
    [
      400,
      { error: { message: 'bad', type: 'invalid_request_error' } },
      { status: 400, type: 'invalid_request_error', message: 'bad' },
    ],
    [400, '', { status: 400, type: 'invalid_request_error', class: 'invalid_request' }],
    [
      401,
      { error: { message: 'Incorrect API key provided: sk-abcdefgh12345' } },
      { status: 401, type: 'authentication_error', shouldRetry: false },
    ],
    [402, { error: { message: 'Insufficient Balance' } }, { status: 402, type: 'billing_error' }],
    [404, { error: { message: 'The model `x` does not exist' } }, { status: 404, type: 'not_found_error' }],
    [413, '', { status: 400, class: 'context_overflow', message: expect.stringMatching(/^prompt is too long/) }],
    [
      422,
      { detail: [{ loc: ['body', 'messages'], msg: 'field required' }] },
      { status: 400, message: expect.stringContaining('body.messages: field required') },
    ],
    [
      429,
      { error: { code: 'insufficient_quota', message: 'You exceeded your current quota' } },
      { class: 'quota', shouldRetry: false },
    ],
    [
      500,
      {
        error: {
          message: "This model's maximum context length is 100 tokens. However, your messages resulted in 130 tokens.",
        },
      },
      { status: 400, message: 'prompt is too long: 130 tokens > 100 maximum' },
    ],
    [503, { error: { message: 'Service is too busy' } }, { class: 'overloaded' }],
  ])('%s %j', (status, body, expected) => {
    expect(fault(status, body)).toMatchObject(expected);
  });

  it('names the tool as the client knows it', () => {
    const mapped = new ToolNames(['mcp__srv.name'], 64).upstream('mcp__srv.name');
    const { message, status } = fault(400, { error: { message: `Invalid schema for function '${mapped}': bad` } });
    expect(message).toContain("'mcp__srv.name'");
    expect(status).toBe(400);
  });

  it('keeps credentials out of the message', () => {
    expect(fault(400, 'Invalid header Authorization: Bearer sk-live-abcdefgh12345').message).not.toContain('abcdefgh');
  });

  it('takes the waiting time over as whole seconds', () => {
    expect(fault(429, { error: { message: 'rate limit' } }, { 'retry-after': '1.2' }).retryAfterS).toBe(1.2);
  });
});
