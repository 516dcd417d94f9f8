import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, outcome, verdict } from './battery.ts';
import { chunk, DONE, sendStream, sendText } from './upstream.ts';

const SILENCE_MS = 19_000;
const ABORT_MS = 100;

export const CONNECTION_CASES: readonly Case[] = [
  {
    id: 'silence',
    group: 'Connection and probes',
    title: 'Upstream silent for 19 s in the middle of an answer',
    expects: 'something is sent meanwhile (the client warns after 20 s), and the answer is whole',
    async run({ upstream, ask }) {
      let [from, to] = [0, 0];
      upstream.begin(async (res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.write(chunk({ role: 'assistant', content: 'Hello' }));
        from = performance.now() + 1_000;
        await sleep(SILENCE_MS);
        to = performance.now();
        res.end(`${chunk({ content: ' there' })}${chunk({}, 'stop')}${DONE}`);
      });
      const answer = await ask({}, { timeoutMs: SILENCE_MS + 15_000 });
      const pieces = answer.pieceTimes.filter((at) => at > from && at < to).length;
      return verdict(pieces > 0 && answer.complete, `${pieces} pings; ${outcome(answer)}`);
    },
  },
  {
    id: 'abort',
    group: 'Connection and probes',
    title: 'The client goes away in the middle of an answer',
    expects: 'the upstream’s connection is closed within 100 ms (best of three)',
    async run({ upstream, ask }) {
      const tookMs: number[] = [];
      for (let round = 0; round < 3; round++) {
        let isSent = false;
        upstream.begin(async (res) => {
          res.writeHead(200, { 'content-type': 'text/event-stream' });
          for (let at = 0; at < 100 && !res.destroyed; at++) {
            res.write(chunk({ role: 'assistant', content: 'word ' }));
            isSent = at > 5;
            await sleep(50);
          }
          res.end();
        });
        const client = new AbortController();
        const asked = ask({}, { signal: client.signal }).catch(() => undefined);
        for (let waited = 0; !isSent && waited < 5_000; waited += 10) await sleep(10);
        const at = performance.now();
        client.abort();
        await asked;
        for (let waited = 0; waited < 2_000 && upstream.seen[0]?.closedAtMs === undefined; waited += 5) await sleep(5);
        tookMs.push((upstream.seen[0]?.closedAtMs ?? Number.POSITIVE_INFINITY) - at);
      }
      const best = Math.min(...tookMs);
      return verdict(
        best < ABORT_MS,
        Number.isFinite(best) ? `after ${Math.max(0, Math.round(best))} ms` : 'not within 2 s',
      );
    },
  },
  {
    id: 'model-name',
    group: 'Connection and probes',
    title: 'The model’s name in the answer',
    expects:
      'the one that the client asked for: it drops the thinking of a resumed conversation when the name is another',
    async run({ upstream, ask, tool }) {
      upstream.begin(sendStream([chunk({ role: 'assistant', content: 'ok' }), chunk({}, 'stop'), DONE]));
      const { model } = await ask();
      return verdict(model === tool.model, `asked for \`${tool.model}\`, answered as \`${model}\``);
    },
  },
  {
    id: 'count-tokens',
    group: 'Connection and probes',
    title: '`POST /v1/messages/count_tokens`, of an upstream that cannot count',
    expects: 'an estimate',
    async run({ upstream, send }) {
      upstream.begin(sendText('ok'));
      const body = { model: 'claude-sonnet-4-5', messages: [{ role: 'user', content: 'Count the words of this.' }] };
      const answer = await send('/v1/messages/count_tokens?beta=true', { body });
      const count = /"input_tokens":\s*(\d+)/.exec(answer.text)?.[1];
      return verdict(answer.status === 200 && Number(count) > 0, count ? `${count} tokens` : outcome(answer));
    },
  },
  {
    id: 'models',
    group: 'Connection and probes',
    title: '`GET /v1/models`',
    expects: 'a list of models',
    async run({ upstream, send }) {
      upstream.begin(sendText('ok'));
      const answer = await send('/v1/models?limit=1000', { method: 'GET' });
      const models = /"data"\s*:\s*\[/.test(answer.text)
        ? [...answer.text.matchAll(/"id"\s*:\s*"([^"]+)"/g)].length
        : 0;
      return verdict(
        answer.status === 200 && models > 0,
        answer.status === 200 ? `${models} models` : `status ${answer.status}`,
      );
    },
  },
];
