import { asMidswapError, MidswapError } from '../core/errors.ts';
import type { AttemptRecord, ExchangeRecord, Outcome } from '../core/events.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { FailureClass, UpstreamFault } from '../core/failure.ts';
import type { Envelope } from '../core/messages.ts';
import type { Selection } from '../core/session.ts';
import type { Limits, Snapshot, WebTools } from '../core/snapshot.ts';
import type { RoutePlan, Target } from '../core/target.ts';
import { emptyUsage, type Usage } from '../core/usage.ts';
import { readEnvelope } from '../protocols/anthropic/envelope.ts';
import { classify } from '../routing/classify.ts';
import { makePlan } from '../routing/plan.ts';
import { readPromptChoice } from '../routing/prompt-choice.ts';
import { Attempt } from './attempt.ts';
import { type Attempting, type AttemptOptions, attemptAll, type Resilience } from './attempts.ts';
import { CACHE_HEADER, cacheWish, identityOf } from './cache.ts';
import { connectionFault } from './faults.ts';
import type { GatewayCore } from './gateway-core.ts';
import { headerOf, type Inbound, type Outbound } from './inbound/inbound.ts';
import { answerLocally, estimateCount, sendCount } from './local.ts';
import { Reply } from './reply.ts';
import { withReadableResults } from './server-tools/offer.ts';
import type { Session } from './session.ts';
import type { Ticking } from './ticker.ts';
import { windowFault } from './window.ts';

const BODY_IDLE_MS = 30_000;
/** For what never leaves this process. */
const NO_SALT = Buffer.alloc(0);
/** Prompts whose `@alias` is kept in mind: those of the last hours. */
const MAX_PROMPTS = 256;

export interface ExchangeOptions {
  /** Path and query behind the session's prefix. */
  readonly path: string;
  /** `provider/model` that a client token asked for. */
  readonly selector: string | undefined;
}

/**
 * One request and its answer, from the first byte read to the one event at the end. The snapshot and the session's
 * selection are pinned when it starts: a switch in the middle does not reach it.
 */
export class Exchange implements Ticking, Attempting {
  readonly gateway: GatewayCore;
  readonly session: Session;
  readonly reply: Reply;
  readonly isCount: boolean;
  readonly #request: Inbound;
  readonly #out: Outbound;
  readonly #options: ExchangeOptions;
  readonly #snapshot: Snapshot;
  readonly #selection: Selection;
  readonly #startedAtMs = Date.now();
  readonly #startedMs = performance.now();
  readonly #attempts: AttemptRecord[] = [];
  readonly #passedOver: string[] = [];
  #envelope: Envelope | undefined;
  #facts: RequestFacts | undefined;
  #plan: RoutePlan | undefined;
  #current: Attempt | undefined;
  #last: Target | undefined;
  #usage: Usage = emptyUsage();
  #fault: UpstreamFault | undefined;
  #error: MidswapError | undefined;
  #firstContentMs: number | undefined;
  #gone = false;
  #abort: AbortController | undefined;
  #local = false;
  #cached = false;

  constructor(gateway: GatewayCore, session: Session, request: Inbound, out: Outbound, options: ExchangeOptions) {
    this.gateway = gateway;
    this.session = session;
    this.reply = new Reply(out, gateway.mintId('req'));
    this.isCount = pathOf(options.path) === '/v1/messages/count_tokens';
    this.#request = request;
    this.#out = out;
    this.#options = options;
    this.#snapshot = gateway.snapshot;
    if (headerOf(request, 'x-claude-code-context-compacted') !== undefined) session.onCompacted?.();
    this.#selection = session.selection;
  }

  /** Runs to the end. Never rejects; whatever happens is one answer to the client and one event. */
  async run(): Promise<void> {
    const { gateway, session } = this;
    const leave = () => this.#clientGone();
    this.#out.onGone = leave;
    session.running.add(leave);
    session.counters.active++;
    gateway.ticker.add(this);
    gateway.bus.emit({
      type: 'exchange.started',
      session: session.id,
      requestId: this.reply.requestId,
      atMs: this.#startedAtMs,
    });
    try {
      await this.#straightThrough();
    } catch (thrown) {
      this.#error = asMidswapError(thrown);
      if (this.#error.code === 'internal') gateway.onInternalError(thrown);
      this.reply.refuse(this.#error);
    } finally {
      gateway.ticker.remove(this);
      session.running.delete(leave);
      this.#out.onGone = undefined;
      session.counters.active--;
      this.#settle();
    }
  }

  /** Aborted when the client has gone. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#gone) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Somebody waits for it: a turn of the conversation, or what the conversation cannot go on without. */
  get isMain(): boolean {
    const { class: kind } = this.#facts ?? {};
    return kind === 'main' || kind === 'compaction' || kind === 'classifier' || kind === 'web_search';
  }

  loginOf(target: Target): string {
    if (target.credential.kind !== 'client') return '';
    return identityOf(target, this.envelope, this.gateway.isToken, NO_SALT) ?? '';
  }

  get isCompaction(): boolean {
    return this.#facts?.class === 'compaction';
  }

  /** The answer to a conversation that this target's window cannot hold; a count is asked for to find that out. */
  overflowOf(target: Target): UpstreamFault | undefined {
    return this.#facts && !this.isCount ? windowFault(target, this.#facts, this.envelope.raw.length) : undefined;
  }

  readonly limitsOf = (target: Target): Limits | undefined => this.#snapshot.providers.get(target.provider)?.limits;

  /** Named by the profile whose chain the plan is, else by the settings. */
  get fallbackOn(): readonly FailureClass[] | undefined {
    const { profiles, settings } = this.#snapshot;
    const profile = this.#plan && profiles.get(this.#plan.targets[0].profile.toLowerCase());
    return profile?.fallbackOn ?? settings.fallbackOn;
  }

  resilienceOf({ provider: id }: Target): Resilience {
    const { providers, settings } = this.#snapshot;
    const provider = providers.get(id);
    const { retry = settings.retry, breaker = settings.breaker, rotateAfter } = provider ?? {};
    return { retry, breaker, rotateAfter };
  }

  get webTools(): WebTools | undefined {
    return this.#snapshot.webTools;
  }

  get envelope(): Envelope {
    if (!this.#envelope) throw new MidswapError('internal', 'the envelope was asked for before it was read');
    return this.#envelope;
  }

  tick(nowMs: number): void {
    this.#current?.check(nowMs);
    const { graceMs, pingMs } = this.#snapshot.settings;
    const { reply } = this;
    if (!this.#envelope?.stream || this.isCount || this.#gone) return;
    if (reply.state === 'pristine' && this.#current && nowMs - this.#startedMs > graceMs)
      reply.open(this.#openHeaders());
    else if (pingMs > 0 && nowMs - reply.lastWriteMs > pingMs) reply.ping();
  }

  noteFirstContent(nowMs: number): void {
    this.#firstContentMs ??= nowMs - this.#startedMs;
  }

  /** The model that this target is asked for. */
  modelOf(target: Target): string {
    return target.model ?? this.envelope.model;
  }

  /** What every answer says of its route. Names and models come from people: only visible ASCII is a header. */
  routeHeaders(target: Target): string[] {
    return [
      'x-midswap-profile',
      visible(target.profile),
      'x-midswap-target',
      visible(`${target.provider}/${this.modelOf(target)}`),
      'x-midswap-rule',
      visible(`${this.#plan?.reason.rule}: ${this.#plan?.reason.detail}`),
      'x-midswap-attempts',
      visible(this.#describeAttempts()),
      'x-midswap-request-id',
      this.reply.requestId,
    ];
  }

  /** `1`, or `2 (deepseek/deepseek-chat: overloaded 529)`: how many, and what did not work. */
  #describeAttempts(): string {
    const count = this.#attempts.length + (this.#current ? 1 : 0);
    const failed = this.#attempts.flatMap(({ provider, model, failure, status }) =>
      failure === undefined ? [] : [`${provider}/${model}: ${failure}${status === undefined ? '' : ` ${status}`}`],
    );
    const all = [...this.#passedOver.map((name) => `${name}: left alone`), ...failed];
    return all.length === 0 ? String(count) : `${count} (${all.join(', ')})`;
  }

  async #straightThrough(): Promise<void> {
    const { gateway, session } = this;
    const raw = await this.#request.body({ maxBytes: this.#snapshot.settings.maxBodyBytes, idleMs: BODY_IDLE_MS });
    const received = readEnvelope(raw, this.#options.path, this.#request.rawHeaders, gateway.bodies);
    const envelope = this.#snapshot.webTools ? withReadableResults(received) : received;
    this.#envelope = envelope;
    const clientSession = headerOf(this.#request, 'x-claude-code-session-id');
    if (clientSession !== undefined) session.clientSessionId = clientSession;
    const facts = classify({
      headers: envelope.headers,
      envelope,
      session: session.id,
      selector: this.#options.selector,
      agentName: session.agentName(headerOf(this.#request, 'x-claude-code-agent-id')),
    });
    this.#facts = facts;
    if (answerLocally(this.#snapshot, this.#selection, facts, envelope, this.reply)) {
      this.#local = true;
      return;
    }
    const plan = makePlan(this.#snapshot, this.#selection, facts, this.#promptChoice(facts, envelope));
    this.#plan = plan;
    if (this.isCount) return this.#count(plan, facts);
    const { cache } = this.#snapshot;
    const keeping = cache && (await gateway.answers.open(cache, envelope, facts, gateway));
    if (keeping?.replay(plan.targets[0], this.reply, this.routeHeaders(plan.targets[0]), gateway.mintId('msg'))) {
      this.#cached = true;
      this.#last = plan.targets[0];
      return;
    }
    const fault = await attemptAll(this, plan);
    this.#fault = fault;
    if (!fault && this.#last && !this.#gone) keeping?.store(this.#last);
    if (fault && !this.#gone) this.#tell(fault);
  }

  /** A count comes from the upstream, else it is estimated; either is kept for a moment. */
  async #count(plan: RoutePlan, facts: RequestFacts): Promise<void> {
    const { gateway, envelope, reply, signal } = this;
    const [target] = plan.targets;
    const { counts } = gateway;
    const isKept = cacheWish(envelope) !== 'off';
    const key = isKept ? counts.keyOf(envelope, target, this.#snapshot.version, gateway.isToken) : undefined;
    const kept = key === undefined ? undefined : await counts.find(key, signal);
    if (signal.aborted) return;
    this.#local = !countsItself(target);
    if (kept) {
      this.#cached = true;
      if (!this.#local) this.#last = target;
      return sendCount(kept, reply, [...this.routeHeaders(target), CACHE_HEADER, 'hit']);
    }
    let body: Buffer | undefined;
    const settle = key === undefined ? undefined : counts.begin(key);
    try {
      if (!this.#local) {
        let sent: Buffer | undefined;
        reply.tap = (bytes) => {
          sent = Buffer.from(bytes);
        };
        const fault = await attemptAll(this, plan);
        this.#fault = fault;
        if (signal.aborted) return;
        if (!fault) body = sent;
        if (!fault || target.quirks.anthropicGenuine) return fault && this.#tell(fault);
      }
      body = estimateCount(facts);
      sendCount(body, reply, this.routeHeaders(target));
    } finally {
      settle?.(body);
    }
  }

  #tell(fault: UpstreamFault): void {
    this.reply.fail(fault, this.#last ? this.routeHeaders(this.#last) : []);
    if (fault.class === 'malformed' || fault.class === 'truncated') this.gateway.onUpstreamFault(fault);
  }

  /** One try; its fault, if any, is also the exchange's until a later one does better. */
  async attempt(target: Target, options: AttemptOptions): Promise<UpstreamFault | undefined> {
    this.#last = target;
    this.#current = new Attempt(this, target);
    const result = await this.#current.run(options);
    this.#current = undefined;
    this.#attempts.push(result.record);
    this.#usage = result.usage;
    this.#fault = result.fault;
    return result.fault;
  }

  passOver(target: Target): void {
    this.#passedOver.push(`${target.provider}/${this.modelOf(target)}`);
  }

  canMove(): boolean {
    return !this.#gone && (this.reply.state === 'pristine' || this.reply.state === 'opened');
  }

  /** `@alias` at the beginning of a prompt holds for all requests of that prompt. */
  #promptChoice({ class: requestClass, promptId }: RequestFacts, envelope: Envelope): string | undefined {
    const { promptChoices } = this.session;
    const bound = promptId === undefined ? undefined : promptChoices.get(promptId);
    if (bound !== undefined || requestClass !== 'main') return bound;
    const choice = readPromptChoice(this.#snapshot, envelope);
    if (choice === undefined || promptId === undefined) return choice;
    if (promptChoices.size >= MAX_PROMPTS) promptChoices.delete(promptChoices.keys().next().value as string);
    promptChoices.set(promptId, choice);
    return choice;
  }

  #openHeaders(): string[] {
    const stream = [
      'content-type',
      'text/event-stream; charset=utf-8',
      'cache-control',
      'no-cache',
      'request-id',
      this.reply.requestId,
    ];
    return this.#last ? [...stream, ...this.routeHeaders(this.#last)] : stream;
  }

  #clientGone(): void {
    if (this.#gone || this.#out.finished) return;
    this.#gone = true;
    this.#abort?.abort();
    this.#current?.stop(connectionFault('aborted', 'the client closed the connection'));
    if (this.session.abort.signal.aborted) this.#out.destroy();
  }

  #settle(): void {
    const { gateway, session } = this;
    const record = this.#record();
    const { counters } = session;
    counters.requests++;
    if (record.outcome === 'error' || record.outcome === 'truncated') counters.errors++;
    counters.inputTokens +=
      (record.usage.inputTokens ?? 0) + (record.usage.cacheReadTokens ?? 0) + (record.usage.cacheWriteTokens ?? 0);
    counters.outputTokens += record.usage.outputTokens ?? 0;
    counters.lastAtMs = record.atMs;
    if (record.provider) counters.lastRoute = `${record.provider}/${record.model}`;
    gateway.bus.emit({ type: 'exchange.ended', record });
  }

  #record(): ExchangeRecord {
    const target = this.#last;
    const first = target && this.#plan?.targets[0];
    return {
      requestId: this.reply.requestId,
      session: this.session.id,
      atMs: this.#startedAtMs,
      path: pathOf(this.#options.path),
      class: this.#facts?.class,
      slot: this.#plan?.slot ?? this.#facts?.slot,
      agentType: this.#facts?.agentName ?? this.#facts?.agentType,
      promptId: this.#facts?.promptId,
      requestedModel: this.#envelope?.model,
      profile: target?.profile,
      provider: target?.provider,
      model: target && this.modelOf(target),
      reason: this.#plan?.reason,
      ...(first && first !== target ? { firstChoice: { provider: first.provider, model: this.modelOf(first) } } : {}),
      stream: this.#envelope?.stream ?? false,
      status: this.reply.status,
      outcome: this.#outcome(),
      failure: this.#fault?.class,
      message: this.#fault?.message ?? this.#error?.message,
      attempts: this.#attempts,
      cached: this.#cached,
      usage: this.#usage,
      requestBytes: this.#envelope?.raw.length ?? 0,
      firstTokenMs: this.#firstContentMs,
      durationMs: performance.now() - this.#startedMs,
    };
  }

  #outcome(): Outcome {
    if (this.#gone) return 'aborted';
    if (this.#local) return 'local';
    if (this.#error) return 'error';
    if (!this.#fault) return 'ok';
    return this.#firstContentMs === undefined ? 'error' : 'truncated';
  }
}

function pathOf(pathAndQuery: string): string {
  const query = pathAndQuery.indexOf('?');
  return query < 0 ? pathAndQuery : pathAndQuery.slice(0, query);
}

function countsItself(target: Target): boolean {
  return target.endpoint.protocol === 'anthropic-messages' && target.quirks.messages.countTokens;
}

function visible(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 200);
}
