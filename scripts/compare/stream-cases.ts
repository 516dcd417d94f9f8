import { type Case, content, isNoAnswer, oneAnswer, outcome, sight, verdict } from './battery.ts';
import { call, chunk, completion, DONE, event, sendJson, sendStream, usage } from './upstream.ts';

const hello = chunk({ role: 'assistant', content: 'Hello' });
const stop = chunk({}, 'stop');

export const STREAM_CASES: readonly Case[] = [
  oneAnswer(
    { id: 'text', group: 'Streams', title: 'Text', expects: 'one text block, `end_turn`' },
    sendStream([hello, chunk({ content: ' there' }), stop, usage(10, 5), DONE]),
    (answer) =>
      verdict(
        answer.complete && content(answer.blocks) === 'text Hello there' && answer.stopReason === 'end_turn',
        `${sight(answer)}; ${outcome(answer)}`,
      ),
  ),
  oneAnswer(
    {
      id: 'usage',
      group: 'Streams',
      title: 'Usage with cached tokens',
      expects: '200 input and 800 cached tokens of 1000, 50 output: counted once',
    },
    sendStream([hello, stop, usage(1000, 50, { prompt_tokens_details: { cached_tokens: 800 } }), DONE]),
    ({ usage: { input_tokens, cache_read_input_tokens, output_tokens } }) =>
      verdict(
        input_tokens === 200 && cache_read_input_tokens === 800 && output_tokens === 50,
        `input ${input_tokens}, cache read ${cache_read_input_tokens}, output ${output_tokens}`,
      ),
  ),
  {
    id: 'reasoning',
    group: 'Streams',
    title: '`reasoning_content`',
    expects: 'a thinking block before the text',
    async run({ upstream, ask, tool }) {
      upstream.begin(sendStream([chunk({ role: 'assistant', reasoning_content: 'I think' }), hello, stop, DONE]));
      const answer = await ask({ model: tool.reasoningModel ?? tool.model });
      const isRight = answer.problems.length === 0 && content(answer.blocks) === 'thinking I think + text Hello';
      return verdict(answer.complete && isRight, sight(answer));
    },
  },
  {
    id: 'think-tags',
    group: 'Streams',
    title: '`<think>` in the text, of a provider that is declared to do so',
    expects: 'a thinking block and a text block',
    notFor: { ccs: 'has no such setting', ccflare: 'has no such setting' },
    async run({ upstream, ask, tool }) {
      const pieces = ['<think>', 'I think', '</think>', 'Hello'].map((text) => chunk({ content: text }));
      upstream.begin(sendStream([...pieces, stop, DONE]));
      const answer = await ask({ model: tool.taggedModel });
      const texts = answer.blocks.map(({ type, text }) => `${type} ${text.trim()}`).join(' + ');
      return verdict(answer.complete && texts === 'thinking I think + text Hello', sight(answer));
    },
  },
  oneAnswer(
    { id: 'length', group: 'Streams', title: 'Finish reason `length`', expects: '`max_tokens`' },
    sendStream([hello, chunk({}, 'length'), DONE]),
    ({ stopReason }) => verdict(stopReason === 'max_tokens', `\`${stopReason}\``),
  ),
  oneAnswer(
    { id: 'filter', group: 'Streams', title: 'Finish reason `content_filter`', expects: '`refusal`' },
    sendStream([hello, chunk({}, 'content_filter'), DONE]),
    ({ stopReason }) => verdict(stopReason === 'refusal', `\`${stopReason}\``),
  ),
  oneAnswer(
    {
      id: 'burst',
      group: 'Streams',
      title: 'All of a call in one write',
      expects: 'the call, `tool_use`, the usage',
    },
    sendStream([
      [
        chunk({ role: 'assistant', ...call(0, 'call_1', 'Read', '{"a":"1"}') }),
        chunk({}, 'tool_calls'),
        usage(10, 5),
        DONE,
      ].join(''),
    ]),
    (answer) => {
      const { stopReason, usage: counted } = answer;
      return verdict(
        content(answer.blocks) === 'tool_use Read {"a":"1"}' &&
          stopReason === 'tool_use' &&
          counted.output_tokens === 5,
        `${sight(answer)}; \`${stopReason}\`; output ${counted.output_tokens}`,
      );
    },
  ),
  oneAnswer(
    { id: 'no-done', group: 'Streams', title: 'Finish reason, but no `[DONE]`', expects: 'a finished answer' },
    sendStream([hello, stop]),
    (answer) => verdict(answer.complete && content(answer.blocks) === 'text Hello', outcome(answer)),
  ),
  oneAnswer(
    { id: 'cut', group: 'Streams', title: 'Connection cut after some text', expects: 'not a finished answer' },
    async (res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write(hello);
      await new Promise((resolve) => setTimeout(resolve, 100));
      res.socket?.destroy();
    },
    (answer) => verdict(isNoAnswer(answer), outcome(answer)),
  ),
  oneAnswer(
    {
      id: 'ends-early',
      group: 'Streams',
      title: 'Stream ends in good order, without finish reason and `[DONE]`',
      expects: 'not a finished answer',
    },
    sendStream([hello]),
    (answer) => verdict(isNoAnswer(answer), outcome(answer)),
  ),
  oneAnswer(
    {
      id: 'error-inside',
      group: 'Streams',
      title: 'Error object after some text',
      expects: 'not a finished answer, and an error that says what the upstream said',
    },
    sendStream([hello, event({ error: { message: 'the model crashed', type: 'server_error' } })], { pauseMs: 50 }),
    (answer) =>
      verdict(
        isNoAnswer(answer) && (answer.error ?? '').includes('the model crashed'),
        `${outcome(answer)}; ${sight(answer)}`,
      ),
  ),
  oneAnswer(
    {
      id: 'error-first',
      group: 'Streams',
      title: 'Error object as the first event of a 200',
      expects: 'an error status or event that says what the upstream said',
    },
    sendStream([event({ error: { message: 'the model crashed', type: 'server_error' } })]),
    (answer) => verdict(isNoAnswer(answer) && (answer.error ?? '').includes('the model crashed'), outcome(answer)),
  ),
  oneAnswer(
    { id: 'empty', group: 'Streams', title: '200 with an empty body', expects: 'not a finished answer' },
    sendStream([]),
    (answer) => verdict(isNoAnswer(answer), outcome(answer)),
  ),
  oneAnswer(
    { id: 'html', group: 'Streams', title: '200 with a page of HTML', expects: 'not a finished answer' },
    sendStream(['<html><body>502 Bad Gateway</body></html>'], { type: 'text/html' }),
    (answer) => verdict(isNoAnswer(answer), outcome(answer)),
  ),
  oneAnswer(
    {
      id: 'json-for-stream',
      group: 'Streams',
      title: 'JSON although a stream was asked for',
      expects: 'the answer, or an error; no empty answer that looks finished',
    },
    sendJson(200, completion({ role: 'assistant', content: 'Hello' }, 'stop')),
    (answer) =>
      verdict(isNoAnswer(answer) || content(answer.blocks) === 'text Hello', `${outcome(answer)}; ${sight(answer)}`),
  ),
  oneAnswer(
    { id: 'crlf', group: 'Streams', title: 'CRLF line ends', expects: 'the same answer' },
    sendStream([hello, chunk({ content: ' there' }), stop, DONE].map((each) => each.replaceAll('\n', '\r\n'))),
    (answer) => verdict(answer.complete && content(answer.blocks) === 'text Hello there', sight(answer)),
  ),
  oneAnswer(
    {
      id: 'split-bytes',
      group: 'Streams',
      title: 'Events cut anywhere, inside of characters too',
      expects: 'the same answer',
    },
    sendStream(bytesOf([chunk({ role: 'assistant', content: 'Grüße 😀' }), stop, DONE].join('')), { pauseMs: 1 }),
    (answer) => verdict(answer.complete && content(answer.blocks) === 'text Grüße 😀', sight(answer)),
  ),
];

function bytesOf(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 3) pieces.push(bytes.subarray(at, at + 3));
  return pieces;
}
