import { request } from 'node:http';
import { Bus } from '../core/bus.ts';
import { MidswapError } from '../core/errors.ts';
import type { ExchangeRecord } from '../core/events.ts';
import { createGateway, type GatewayOptions } from '../gateway/gateway.ts';

export interface TrialOptions extends Pick<GatewayOptions, 'snapshot' | 'version' | 'sandboxOrigin'> {
  /** A reference in its normal spelling. */
  readonly reference: string;
  /** Name that the client would ask for. */
  readonly model: string;
}

/** What one small request came to. */
export interface Trial {
  readonly ok: boolean;
  readonly status: number;
  readonly provider: string | null;
  readonly model: string | null;
  readonly host: string | null;
  /** Beginning of the answer, or what went wrong. */
  readonly text: string;
  readonly durationMs: number;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly attempts: number;
}

const LOOPBACK = '127.0.0.1';
const PROMPT = 'Answer with the one word: ready';
/** Room for a model that thinks before it says a word, and no more. */
const MAX_TOKENS = 64;
const TIMEOUT_MS = 90_000;
const SHOWN = 80;

/**
 * Sends one small request through a gateway of its own, the way a session's requests go. An upstream that refuses is a
 * result, not an error. Throws `no_credential` for the client's own login, which only the client can send.
 */
export async function tryReference(options: TrialOptions): Promise<Trial> {
  const bus = new Bus();
  let record: ExchangeRecord | undefined;
  const ended = new Promise<void>((resolve) => {
    bus.subscribe((event) => {
      if (event.type !== 'exchange.ended') return;
      record = event.record;
      resolve();
    });
  });
  const gateway = createGateway({ ...options, bus, mounts: [] });
  try {
    const { port } = await gateway.listen(LOOPBACK, 0);
    const { reference } = options;
    const nowMs = Date.now();
    const selection = { reference, slots: {}, sinceMs: nowMs };
    const session = gateway.sessions.open({ selection, dynamic: false, cwd: '/', label: reference, nowMs });
    const answer = await send(port, `/s/${session.secret.reveal()}/v1/messages`, options.model);
    await ended;
    return describe(answer, record);
  } finally {
    await gateway.close();
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

function send(port: number, path: string, model: string): Promise<Answer> {
  const body = { model, max_tokens: MAX_TOKENS, messages: [{ role: 'user', content: PROMPT }] };
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-claude-code-request-class': 'main',
    };
    const outgoing = request({ host: LOOPBACK, port, path, method: 'POST', agent: false, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        clearTimeout(deadline);
        resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
      });
    });
    const deadline = setTimeout(() => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
    outgoing.on('error', (cause) => {
      clearTimeout(deadline);
      reject(new MidswapError('upstream_failed', `the test request failed: ${cause.message}`, { cause }));
    });
    outgoing.end(JSON.stringify(body));
  });
}

function describe({ status, text }: Answer, record: ExchangeRecord | undefined): Trial {
  const ok = status === 200 && record?.outcome === 'ok';
  return {
    ok,
    status,
    provider: record?.provider ?? null,
    model: record?.model ?? null,
    host: record?.attempts.at(-1)?.host ?? null,
    text: ok ? answerText(text) : (record?.message ?? `status ${status}`),
    durationMs: Math.round(record?.durationMs ?? 0),
    inputTokens: record?.usage.inputTokens ?? null,
    outputTokens: record?.usage.outputTokens ?? null,
    attempts: record?.attempts.length ?? 0,
  };
}

/** The first words of a message; a model that only thought within its few tokens has said nothing yet. */
function answerText(body: string): string {
  const { content } = JSON.parse(body) as { content?: { type?: string; text?: string }[] };
  const text = (content ?? []).map((block) => (block.type === 'text' ? (block.text ?? '') : '')).join(' ');
  const flat = text.replace(/\s+/g, ' ').trim();
  return flat.length > SHOWN ? `${flat.slice(0, SHOWN)}…` : flat;
}
