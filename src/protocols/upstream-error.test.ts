import { describe, expect, it } from 'vitest';
import { envelope, thirdParty } from '../../test/support/messages-target.ts';
import { readErrorBody, tellsFault, upstreamFault } from './upstream-error.ts';

const target = thirdParty();
const fault = (status: number, body: unknown, headers = {}) =>
  upstreamFault(
    status,
    headers,
    Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    envelope(),
    target,
  );

describe('the text of an error body', () => {
  it.each([
    ['{"error":"plain string"}', 'plain string'],
    ['{"error":{"message":"bad","type":"invalid_request_error","param":null,"code":null}}', 'bad'],
    ['{"message":"wrong_api_key","type":"too_many","param":"key","code":"wrong"}', 'wrong_api_key'],
    [
      '{"object":"error","message":"Expected last role User","type":"invalid_request_message_order","code":"3230"}',
      'Expected last role User',
    ],
    ['{"detail":"not here"}', 'not here'],
    ['{"detail":[{"loc":["body","messages"],"msg":"field required"}]}', 'body.messages: field required'],
    ['{"code":20015,"message":"model disabled","data":null}', 'model disabled'],
    [
      '{"type":"error","error":{"type":"bad_request_error","message":"invalid params (2013)","http_code":"400"}}',
      'invalid params (2013)',
    ],
    ['{"error":{"code":"1214","message":"messages is wrong"}}', 'messages is wrong'],
    ['{"error":{"message":{"detail":"x"}}}', 'x'],
    ['[{"error":{"code":429,"message":"from a list"}}]', 'from a list'],
    ['{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"},"choices":null}', 'insufficient balance'],
    ['{"data":null,"success":false,"error":"no"}', 'no'],
    ['{"error":{"message":"{\\"error\\":{\\"message\\":\\"packed twice\\"}}"}}', 'packed twice'],
    [
      '{"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"{\\"error\\":{\\"message\\":\\"slow down\\"}}"}}}',
      'Provider returned error: slow down',
    ],
    ['{"error":"Bad Request","message":"the field x is wrong"}', 'Bad Request: the field x is wrong'],
    ['just text', 'just text'],
    ['\ufeff{"error":"behind a mark"}', 'behind a mark'],
    [
      '{"error":{"message":"Provider returned error","metadata":{"raw":{"error":{"message":"inner"}}}}}',
      'Provider returned error: inner',
    ],
    ['{"Message":"capital"}', 'capital'],
    ['{"reason":"because"}', 'because'],
    ['{"err":"short"}', 'short'],
    ['{"status":"failed","failure":{"message":"deep"}}', 'deep'],
    [
      '<html><head><title>502 Bad Gateway</title></head><body><h1>x</h1></body></html>',
      '502 Bad Gateway (an HTML page)',
    ],
    ['<html><style>a{}</style><body><h1>Sorry</h1> no</body></html>', 'Sorry no'],
    ['', ''],
    ['{}', ''],
    ['null', ''],
    ['7', ''],
  ])('%s', (body, message) => {
    expect(readErrorBody(Buffer.from(body)).message).toBe(message);
  });

  it('is never an object put into a string, however the body is built', () => {
    for (const body of [
      '{"error":{}}',
      '{"error":[]}',
      '{"error":{"message":[]}}',
      '{"message":{"a":{"b":{}}}}',
      '[[[[]]]]',
    ]) {
      const { message, status } = fault(400, body);
      expect(message).toBe('upstream returned 400 without a message');
      expect(status).toBe(400);
    }
  });
});

describe('the fault of an error answer', () => {
  it.each([
    [400, 400, 'invalid_request_error', 'invalid_request'],
    [401, 401, 'authentication_error', 'credential'],
    [402, 402, 'billing_error', 'quota'],
    [403, 403, 'permission_error', 'permission'],
    [404, 404, 'not_found_error', 'model_missing'],
    [408, 408, 'timeout_error', 'timeout_first_byte'],
    [409, 409, 'conflict_error', 'invalid_request'],
    [413, 413, 'request_too_large', 'too_large'],
    [422, 400, 'invalid_request_error', 'invalid_request'],
    [429, 429, 'rate_limit_error', 'rate_limit'],
    [500, 500, 'api_error', 'server_error'],
    [502, 502, 'api_error', 'server_error'],
    [503, 503, 'overloaded_error', 'overloaded'],
    [504, 504, 'timeout_error', 'timeout_first_byte'],
    [520, 502, 'api_error', 'server_error'],
    [524, 504, 'timeout_error', 'timeout_first_byte'],
    [529, 529, 'overloaded_error', 'overloaded'],
  ])('%i without words is told as %i %s', (status, told, type, failure) => {
    expect(fault(status, '')).toMatchObject({ status: told, type, class: failure, upstreamStatus: status });
  });

  it('has the type of the status, whatever the provider calls it', () => {
    for (const name of ['BadRequestError', 'bad_request_error', 'server_error', undefined]) {
      expect(fault(400, { type: 'error', error: { type: name, message: 'no' } })).toMatchObject({
        type: 'invalid_request_error',
        message: 'no',
      });
    }
  });

  it.each([
    [400, 'messages[1].content must be a string'],
    [
      400,
      "'messages.3' : for 'role:user' the following must be satisfied[('messages.3.content' : value must be a string)]",
    ],
    [400, 'At most 0 image(s) may be provided in one prompt.'],
    [400, 'Failed to load image or audio file'],
    [400, 'invalid image input'],
    [400, "'url' field must be a base64 encoded image."],
    [400, 'Image input is not enabled for this model'],
    [400, 'This model does not support image inputs'],
    [400, 'Model does not support images. Please use a model that does.'],
    [400, 'Failed to deserialize the JSON body: messages[1]: unknown variant `image_url`, expected `text`'],
    [400, 'Invalid content type. image_url is only supported by certain models.'],
    [404, 'No endpoints found that support image input'],
    [500, 'image input is not supported - hint: if this is unexpected, you may need to provide the mmproj'],
    [500, 'Qwen/Qwen3.8-27B is not a multimodal model'],
    [500, 'this model is missing data required for image input'],
    [400, 'Invalid PNG image'],
    [400, 'Invalid request content: Downloaded response does not contain a valid JPG or PNG image.'],
    [400, 'Cannot preprocess image len(combined_imgs) = 1, please provide valid images'],
    [400, 'Too many images in request: 11 images provided, but the model supports a maximum of 10 images.'],
    [400, 'Unsupported image format'],
    [422, 'body.messages.2.content: Input should be a valid string'],
    [500, 'Unsupported content part type: "image_url"'],
    [500, 'cannot identify image file <_io.BytesIO object at 0x7f12>'],
  ])('a refused picture is told in the words on which the client takes it out: %i %s', (status, message) => {
    const picture = { type: 'image', source: { type: 'base64', media_type: 'image/webp', data: 'UklGRg==' } };
    const sent = envelope({ messages: [{ role: 'user', content: [picture] }] });
    const bytes = Buffer.from(JSON.stringify({ error: { message } }));
    const told = { status: 400, type: 'invalid_request_error', class: 'invalid_request' };
    const words = `Could not process image: ${message}`;
    expect(upstreamFault(status, {}, bytes, sent, target)).toMatchObject({ ...told, message: words });
    expect(upstreamFault(status, {}, bytes, envelope(), target)).toMatchObject({ ...told, message });
  });

  it('inside of a 200 takes status and class from code and type', () => {
    expect(fault(200, { error: { code: 402, message: 'pay' } })).toMatchObject({ status: 402, class: 'quota' });
    expect(fault(200, { error: { code: '429', message: 'wait' } })).toMatchObject({ status: 429, class: 'rate_limit' });
    expect(fault(200, { error: { type: 'overloaded_error', message: 'x' } })).toMatchObject({
      status: 529,
      class: 'overloaded',
    });
    expect(fault(200, { error: { type: 'server_error', message: 'x' } })).toMatchObject({
      status: 500,
      class: 'server_error',
    });
    expect(fault(200, { error: { message: 'maximum context length is 4096 tokens', code: 400 } })).toMatchObject({
      status: 400,
      class: 'context_overflow',
    });
  });

  it.each([
    [{ base_resp: { status_code: 1004, status_msg: 'login fail: carry the API secret key' } }, 401, 'credential'],
    [{ base_resp: { status_code: 2049, status_msg: 'invalid api key' } }, 401, 'credential'],
    [{ base_resp: { status_code: 1001, status_msg: 'request timeout' } }, 504, 'timeout_first_byte'],
    [{ base_resp: { status_code: 2056, status_msg: 'usage limit exceeded' } }, 402, 'quota'],
    [{ base_resp: { status_code: 2013, status_msg: 'invalid params, invalid chat setting' } }, 400, 'invalid_request'],
    [{ error: { code: '1214', message: 'messages 参数非法' } }, 400, 'invalid_request'],
    [{ error: { message: 'odd', http_status_code: 422 } }, 400, 'invalid_request'],
    [{ error: { message: 'odd', status: 429 } }, 429, 'rate_limit'],
    [{ statusCode: 429, message: 'free tier' }, 429, 'rate_limit'],
    [{ error: { message: 'odd', status: 'FAILED' } }, 500, 'server_error'],
  ])('inside of a 200 is what %j says', (body, status, failure) => {
    expect(tellsFault(body)).toBe(true);
    expect(fault(200, body)).toMatchObject({ status, class: failure });
  });

  it('says that a repeat is useless where the upstream says so', () => {
    expect(fault(500, { error: { message: 'x' } }, { 'x-should-retry': 'false' }).shouldRetry).toBe(false);
    expect(fault(500, { error: { message: 'x' } }, { 'x-should-retry': 'true' }).shouldRetry).toBeUndefined();
  });

  it('of an overflow is a 400 in the words that the client compacts on', () => {
    const text =
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 130011 tokens.";
    for (const status of [400, 413, 500, 502]) {
      expect(fault(status, { error: { message: text } })).toMatchObject({
        status: 400,
        type: 'invalid_request_error',
        message: 'prompt is too long: 130011 tokens > 128000 maximum',
      });
    }
  });

  it('of too long an answer makes the client ask for a shorter one', () => {
    const text = 'Invalid max_tokens value, the valid range of max_tokens is [1, 8192]';
    const body = Buffer.from(JSON.stringify({ error: { message: text } }));
    expect(upstreamFault(400, {}, body, envelope({ max_tokens: 32_000 }), target)).toMatchObject({
      class: 'output_overflow',
      status: 400,
      type: 'invalid_request_error',
      message: expect.stringMatching(
        /^input length and `max_tokens` exceed context limit: (\d+) \+ 32000 > \d+, .*\[1, 8192\]\)$/,
      ),
    });
  });

  it('of an overflow takes the numbers from fields of their own', () => {
    const error = {
      code: 400,
      message: 'the request exceeds the available context size, try increasing it',
      n_prompt_tokens: 9000,
      n_ctx: 4096,
    };
    expect(fault(400, { error }).message).toBe('prompt is too long: 9000 tokens > 4096 maximum');
  });

  it('of a filter is a 400 whatever its status was, and a missing capability is no missing model', () => {
    const flagged = 'Your chosen model requires moderation and your input was flagged';
    expect(fault(403, { error: { message: flagged } })).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      shouldRetry: false,
    });
    expect(fault(500, { error: { type: 'api_error', message: 'input new_sensitive (1026)' } })).toMatchObject({
      status: 400,
    });
    const missing = { error: { message: 'No endpoints found that support tool use', code: 404 } };
    expect(fault(404, missing)).toMatchObject({
      status: 400,
      type: 'invalid_request_error',
      message: missing.error.message,
    });
  });

  it('is not an overflow without words', () => {
    expect(fault(400, '')).toMatchObject({
      class: 'invalid_request',
      message: 'upstream returned 400 without a message',
    });
  });

  it('says which key and which model', () => {
    expect(fault(401, { error: { message: 'Incorrect API key provided: sk-abcdefghijklmnop' } }).message).toBe(
      'corp does not accept the key it was given: Incorrect API key provided: sk-[redacted]',
    );
    expect(fault(404, { error: { message: 'gone' } }).message).toBe(
      'corp has no model "corp-large" (asked for as "claude-opus-5"): gone',
    );
    expect(fault(403, '<title>Just a moment...</title>').message).toContain('the edge of corp blocked the request');
  });

  it('carries no secret, not even a key without a known shape', () => {
    const { message } = fault(400, {
      error: { message: 'Invalid header Authorization: Bearer sk-live-aaaabbbb for corp-key-0123456789' },
    });
    expect(message).not.toMatch(/aaaabbbb|0123456789/);
  });

  it('says when a repeat is useless, and how long to wait', () => {
    expect(
      fault(429, { error: { code: 'insufficient_quota', message: 'You exceeded your current quota' } }),
    ).toMatchObject({
      status: 402,
      type: 'billing_error',
      shouldRetry: false,
    });
    expect(fault(429, { error: { message: 'wait' } }, { 'retry-after': '1.5' })).toMatchObject({ retryAfterS: 1.5 });
    expect(fault(429, { error: { message: 'Please try again in 7s' } })).toMatchObject({ retryAfterS: 7 });
    expect(fault(429, { error: { message: 'wait' } }).shouldRetry).toBeUndefined();
  });

  it('tells the limit of a day from that of a minute, where the provider calls both a quota', () => {
    const gemini = (quotaId: string) => [
      {
        error: {
          code: 429,
          message: 'You exceeded your current quota. Please retry in 23.4s.',
          status: 'RESOURCE_EXHAUSTED',
          details: [
            { '@type': 'type.googleapis.com/google.rpc.Help', links: [] },
            { '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId, quotaValue: '250' }] },
            { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '23s' },
          ],
        },
      },
    ];
    expect(fault(429, gemini('GenerateRequestsPerDayPerProjectPerModel-FreeTier'))).toMatchObject({
      class: 'quota',
      status: 402,
      shouldRetry: false,
      message: 'corp: You exceeded your current quota. Please retry in 23.4s.',
    });
    expect(fault(429, gemini('GenerateRequestsPerMinutePerProjectPerModel-FreeTier'))).toMatchObject({
      class: 'rate_limit',
      status: 429,
      retryAfterS: 23.4,
    });
  });

  it('says until when a limit is used up, and of nothing else', () => {
    const reset = { 'x-ratelimit-reset': '3600' };
    const empty = { error: { code: 'insufficient_quota', message: 'You exceeded your current quota' } };
    expect(fault(429, empty, reset)).toMatchObject({ class: 'quota', retryAfterS: 3_600 });
    expect(fault(429, { error: { message: 'wait' } }, reset)).toMatchObject({
      class: 'rate_limit',
      retryAfterS: 3_600,
    });
    expect(fault(500, { error: { message: 'oh' } }, reset)).not.toHaveProperty('retryAfterS');
    expect(fault(429, empty, { ...reset, 'retry-after': '5' })).toMatchObject({ retryAfterS: 5 });
  });
});
