import { createHash } from 'node:crypto';
import type { AttemptRecord } from '../core/events.ts';
import type { FailureClass, UpstreamFault } from '../core/failure.ts';
import type { Envelope } from '../core/messages.ts';
import type { Target } from '../core/target.ts';
import { emptyUsage, type Usage } from '../core/usage.ts';
import type { EncodedRequest, Protocol, ProtocolContext } from '../protocols/protocol.ts';
import type { AttemptOptions } from './attempts.ts';
import { credentialHeaders, withCredential } from './credential.ts';
import type { Exchange } from './exchange.ts';
import { connectionFault } from './faults.ts';
import { protocolOf } from './protocols.ts';
import { relay, type StreamSink } from './relay.ts';
import { offerTools } from './server-tools/offer.ts';
import { type Answer, wholeBody } from './upstream/answer.ts';
import { callUpstream, hostOf, isFault, type UpstreamCall } from './upstream/call.ts';

const MAX_ERROR_BYTES = 1 << 20;
const MAX_ANSWER_BYTES = 256 << 20;
/** Of one connection only, or wrong once this gateway answers in the upstream's place. */
const NOT_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'content-encoding',
  'proxy-authenticate',
  'trailer',
  'upgrade',
  'alt-svc',
  'strict-transport-security',
]);

const UNLIMITED = () => {};

/** What all requests of one try have in common. */
interface Call {
  readonly protocol: Protocol;
  readonly context: ProtocolContext;
  readonly credential: readonly string[];
}

export interface AttemptResult {
  readonly fault: UpstreamFault | undefined;
  readonly record: AttemptRecord;
  readonly usage: Usage;
}

/**
 * One upstream try, encoded from the pristine envelope. It ends by itself, by one of its deadlines, or by `stop`,
 * which the exchange calls when the client has gone.
 */
export class Attempt {
  readonly #exchange: Exchange;
  readonly #target: Target;
  readonly #startedMs = performance.now();
  #lastByteMs = this.#startedMs;
  #phase: 'waiting' | 'reading' | 'over' = 'waiting';
  /** In the queue, or the client is slower than the upstream: silence is not the upstream's. */
  #paused = true;
  #call: UpstreamCall | undefined;
  #answer: Answer | undefined;
  #stopped: UpstreamFault | undefined;
  #usage: Usage = emptyUsage();
  #upstreamStatus: number | undefined;
  #notes: readonly string[] = [];

  constructor(exchange: Exchange, target: Target) {
    this.#exchange = exchange;
    this.#target = target;
  }

  async run(options: AttemptOptions): Promise<AttemptResult> {
    const fault = await this.#admitted(options);
    this.#phase = 'over';
    const { provider, endpoint } = this.#target;
    return {
      fault,
      usage: this.#usage,
      record: {
        provider,
        model: this.#exchange.modelOf(this.#target),
        host: hostOf(endpoint.baseUrl),
        durationMs: performance.now() - this.#startedMs,
        status: this.#upstreamStatus,
        failure: fault?.class,
        message: fault?.message,
        ...(this.#notes.length > 0 ? { notes: this.#notes } : {}),
      },
    };
  }

  /** Ends the try at once with this fault. */
  stop(fault: UpstreamFault): void {
    if (this.#phase === 'over' || this.#stopped) return;
    this.#stopped = fault;
    this.#call?.abort();
    this.#answer?.destroy();
  }

  /** Looks at the deadlines. */
  check(nowMs: number): void {
    const { firstByteMs, idleMs } = this.#target.timeouts;
    if (this.#paused || this.#phase === 'over') return;
    const silentMs = nowMs - this.#lastByteMs;
    if (this.#phase === 'waiting' && firstByteMs > 0 && silentMs > firstByteMs)
      this.#timeOut('timeout_first_byte', firstByteMs);
    if (this.#phase === 'reading' && idleMs > 0 && silentMs > idleMs) this.#timeOut('timeout_idle', idleMs);
  }

  #timeOut(failure: FailureClass, limitMs: number): void {
    const what = failure === 'timeout_idle' ? 'went silent' : 'did not begin to answer';
    this.stop(
      connectionFault(failure, `${this.#target.provider} ${what}: nothing for ${Math.round(limitMs / 1000)} s`),
    );
  }

  async #admitted(options: AttemptOptions): Promise<UpstreamFault | undefined> {
    const { gateway, session, reply, limitsOf, isMain } = this.#exchange;
    const overflow = this.#exchange.overflowOf(this.#target);
    if (overflow) return overflow;
    const waiting = { id: reply.requestId, session: session.id, main: isMain };
    const { provider } = this.#target;
    const limits = limitsOf(this.#target);
    const gate = limits?.perKey ? gateOf(this.#target, options.keyIndex) : provider;
    const lease = limits ? await gateway.admission.enter(gate, limits, waiting, this.#exchange.signal) : UNLIMITED;
    if (typeof lease !== 'function') return lease;
    this.#paused = false;
    this.#lastByteMs = performance.now();
    try {
      return await this.#try(options);
    } finally {
      lease();
    }
  }

  async #try({ keyIndex, withoutThinking }: AttemptOptions): Promise<UpstreamFault | undefined> {
    const { gateway, envelope, reply, session } = this.#exchange;
    const target = this.#target;
    const protocol = protocolOf(target.endpoint.protocol);
    const context: ProtocolContext = {
      mintId: gateway.mintId,
      provenance: gateway.provenance.of(session.id, session.clientSessionId),
      withoutThinking,
      chatHistory: gateway.chatHistory,
      get cacheKey() {
        return cacheKeyOf(session.id, session.clientSessionId);
      },
    };
    const credential = credentialHeaders(target, envelope.headers, gateway.isToken, keyIndex);
    if ('fault' in credential) return credential.fault;
    const call: Call = { protocol, context, credential: credential.headers };
    const { webTools } = this.#exchange;
    const offer = webTools && !this.#exchange.isCount && offerTools(envelope, target, webTools);
    if (!offer) return this.#ask(call, envelope, reply);
    const { runToolLoop } = await import('./server-tools/tool-loop.ts');
    const { fault, usage } = await runToolLoop({
      envelope,
      offer,
      reply,
      mintId: gateway.mintId,
      calls: {
        settings: webTools,
        access: gateway.webAccess,
        signal: this.#exchange.signal,
        userAgent: `midswap/${gateway.version}`,
      },
      ask: (next, sink) => this.#ask(call, next, sink),
      usage: () => this.#usage,
      onBusy: (busy) => {
        this.#paused = busy;
        this.#lastByteMs = performance.now();
      },
      onContent: (nowMs) => this.#exchange.noteFirstContent(nowMs),
      stopped: () => this.#stopped,
      headers: (stream) => this.#ownHeaders(stream),
    });
    this.#usage = usage;
    return fault;
  }

  /** One request and its answer. A stream goes to the sink. */
  async #ask(
    { protocol, context, credential }: Call,
    envelope: Envelope,
    sink: StreamSink,
  ): Promise<UpstreamFault | undefined> {
    const target = this.#target;
    this.#phase = 'waiting';
    this.#lastByteMs = performance.now();
    const encoded = protocol.encode(envelope, target, context);
    this.#notes = encoded.notes ?? [];
    const answer = await this.#send(encoded, credential);
    if (isFault(answer)) return this.#stopped ?? answer;
    this.#answer = answer;
    if (this.#stopped) {
      answer.destroy();
      return this.#stopped;
    }
    this.#phase = 'reading';
    this.#lastByteMs = performance.now();
    this.#upstreamStatus = answer.statusCode;
    if (answer.statusCode !== 200) return this.#errorAnswer(protocol, answer);
    if (!envelope.stream || this.#exchange.isCount) return this.#wholeAnswer(protocol, answer, context);
    const translator = protocol.stream(envelope, target, context);
    this.#usage = translator.usage;
    const fault = await relay(answer, translator, sink, {
      headers: () => this.#headers(answer, true),
      onChunk: (nowMs) => {
        this.#lastByteMs = nowMs;
      },
      onContent: (nowMs) => {
        // A sink of the gateway's own may still be reading; it tells by itself when the client gets something.
        if (this.#exchange.reply.state === 'streaming') this.#exchange.noteFirstContent(nowMs);
      },
      onPause: (paused) => {
        this.#paused = paused;
        this.#lastByteMs = performance.now();
      },
    });
    this.#usage = translator.usage;
    return fault && (this.#stopped ?? fault);
  }

  async #send(encoded: EncodedRequest, credential: readonly string[]) {
    const { gateway } = this.#exchange;
    const { endpoint } = this.#target;
    const baseUrl = await gateway.originOf(endpoint.baseUrl);
    if (this.#stopped) return this.#stopped;
    this.#call = callUpstream(gateway.connections, {
      target: this.#target,
      baseUrl,
      path: encoded.path,
      headers: withCredential(encoded.headers, credential),
      body: encoded.body,
    });
    return this.#call.answer;
  }

  async #errorAnswer(protocol: Protocol, answer: Answer): Promise<UpstreamFault> {
    const { envelope } = this.#exchange;
    const body = await this.#collect(answer, MAX_ERROR_BYTES).catch(() => Buffer.alloc(0));
    return this.#stopped ?? protocol.error(answer.statusCode, answer.headers, body, envelope, this.#target);
  }

  async #wholeAnswer(protocol: Protocol, answer: Answer, context: ProtocolContext): Promise<UpstreamFault | undefined> {
    const { envelope, reply } = this.#exchange;
    let body: Buffer;
    try {
      body = await this.#collect(answer, MAX_ANSWER_BYTES);
    } catch (error) {
      return (
        this.#stopped ?? connectionFault('truncated', `the upstream's answer was cut off: ${(error as Error).message}`)
      );
    }
    const whole = this.#exchange.isCount
      ? { body, usage: emptyUsage() }
      : protocol.whole(body, envelope, this.#target, context);
    if ('fault' in whole) return whole.fault;
    this.#usage = whole.usage;
    this.#exchange.noteFirstContent(performance.now());
    reply.send(200, this.#headers(answer, false), whole.body);
    return undefined;
  }

  #collect(answer: Answer, maxBytes: number): Promise<Buffer> {
    return wholeBody(answer, maxBytes, () => {
      this.#lastByteMs = performance.now();
    });
  }

  #headers(answer: Answer, stream: boolean): string[] {
    if (!this.#target.quirks.anthropicGenuine) return this.#ownHeaders(stream);
    return [...forwarded(answer), ...this.#exchange.routeHeaders(this.#target)];
  }

  #ownHeaders(stream: boolean): string[] {
    const type = stream
      ? ['content-type', 'text/event-stream; charset=utf-8', 'cache-control', 'no-cache']
      : ['content-type', 'application/json'];
    const { reply } = this.#exchange;
    return [...type, 'request-id', reply.requestId, ...this.#exchange.routeHeaders(this.#target)];
  }
}

/** Where the limits hold for each key: a key has the same queue in every pool that it is in. */
function gateOf({ provider, credential }: Target, keyIndex: number): string {
  const key = credential.kind === 'keys' ? credential.keys[keyIndex] : undefined;
  return key ? `${provider} (${key.origin})` : provider;
}

function forwarded(answer: Answer): string[] {
  const out: string[] = [];
  const { rawHeaders } = answer;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (!NOT_FORWARDED.has(name.toLowerCase())) out.push(name, rawHeaders[i + 1] as string);
  }
  return out;
}

/** Tells a provider's cache which requests belong together, without telling it who. */
function cacheKeyOf(session: string, clientSession: string | undefined): string {
  return createHash('sha256')
    .update(`${session} ${clientSession ?? ''}`)
    .digest('base64url')
    .slice(0, 32);
}
