import { describe, expect, it } from 'vitest';
import { envelope, genuine, thirdParty } from '../../../test/support/messages-target.ts';
import { anthropicMessages } from './index.ts';

const error = (status: number, body: string, headers = {}, target = genuine()) =>
  anthropicMessages.error(status, headers, Buffer.from(body), envelope(), target);
const body = (type: string, message: string) =>
  `{"type":"error", "error":{"type":"${type}","message":"${message}"},"request_id":"req_1"}`;

describe('an error of Anthropic', () => {
  it('reaches the client byte for byte, with the headers that it recovers by', () => {
    const raw = body('overloaded_error', 'Overloaded');
    const headers = {
      'content-type': 'application/json',
      'retry-after': '7',
      'x-should-retry': 'false',
      'request-id': 'req_1',
      'anthropic-ratelimit-unified-status': 'rejected',
      'anthropic-organization-id': 'org',
      'set-cookie': ['a=b'],
      'content-encoding': 'gzip',
      server: 'x',
    };
    const fault = error(529, raw, headers);
    expect(fault).toMatchObject({
      class: 'overloaded',
      status: 529,
      type: 'overloaded_error',
      message: 'Overloaded',
      retryAfterS: 7,
      shouldRetry: false,
    });
    expect(fault.wire?.status).toBe(529);
    expect(fault.wire?.body.toString()).toBe(raw);
    expect(fault.wire?.headers).toEqual([
      ['content-type', 'application/json'],
      ['retry-after', '7'],
      ['x-should-retry', 'false'],
      ['request-id', 'req_1'],
      ['anthropic-ratelimit-unified-status', 'rejected'],
      ['anthropic-organization-id', 'org'],
    ]);
  });

  it.each([
    [400, 'invalid_request_error', 'prompt is too long: 210000 tokens > 200000 maximum', 'context_overflow'],
    [400, 'invalid_request_error', 'input length and `max_tokens` exceed context limit: 1 + 2 > 2', 'output_overflow'],
    [
      400,
      'invalid_request_error',
      'messages.3.content.0: Invalid `signature` in `thinking` block',
      'thinking_signature',
    ],
    [400, 'invalid_request_error', 'Your credit balance is too low', 'quota'],
    [400, 'invalid_request_error', 'max_tokens: Field required', 'invalid_request'],
    [401, 'authentication_error', 'invalid x-api-key', 'credential'],
    [403, 'permission_error', 'no', 'permission'],
    [404, 'not_found_error', 'model: claude-x', 'model_missing'],
    [413, 'request_too_large', 'Request exceeds the maximum size', 'too_large'],
    [429, 'rate_limit_error', 'This request would exceed the rate limit', 'rate_limit'],
    [500, 'api_error', 'Internal server error', 'server_error'],
    [529, 'overloaded_error', 'Overloaded', 'overloaded'],
  ])('%i %s "%s" is %s', (status, type, message, failure) => {
    expect(error(status, body(type, message))).toMatchObject({ class: failure, status, type, message });
  });

  it('without a body is an error all the same', () => {
    expect(error(500, '')).toMatchObject({
      class: 'server_error',
      type: 'api_error',
      message: 'upstream returned 500 without a message',
    });
  });
});

describe('an error of a third party', () => {
  it('is put into the envelope of the API and not passed on', () => {
    const raw =
      '{"error":{"message":"Authentication Fails","type":"authentication_error","param":null,"code":"invalid_request_error"}}';
    const fault = error(401, raw, {}, thirdParty());
    expect(fault).toMatchObject({ class: 'credential', status: 401, type: 'authentication_error', shouldRetry: false });
    expect(fault.message).toContain('Authentication Fails');
    expect(fault.wire).toBeUndefined();
  });
});
