import type { FailureClass, UpstreamFault } from '../core/failure.ts';
import type { BreakerSettings, RetrySettings } from '../core/snapshot.ts';
import type { RoutePlan, Target } from '../core/target.ts';
import type { Breaker } from '../policy/breaker.ts';
import { FAILURE_RULES, movesOn } from '../policy/failure-rules.ts';
import type { KeyRing } from '../policy/key-ring.ts';
import { DEFAULT_RETRY, retryDelayMs } from '../policy/retry.ts';
import type { GatewayCore } from './gateway-core.ts';

/** What the configuration says of a target's provider; absent is the built-in value. */
export interface Resilience {
  readonly retry?: RetrySettings | undefined;
  readonly breaker?: BreakerSettings | undefined;
  readonly rotateAfter?: number | undefined;
}

/** What the walk over a plan needs from its exchange. */
export interface Attempting {
  readonly gateway: Pick<GatewayCore, 'health'>;
  readonly signal: AbortSignal;
  /** Failures that move on, where the configuration names them. */
  readonly fallbackOn: readonly FailureClass[] | undefined;
  /** Names the client's own login without telling it, where it is the credential; empty otherwise. */
  loginOf(target: Target): string;
  /** A summary of the whole conversation, which has nowhere to go when it does not fit. */
  readonly isCompaction: boolean;
  /** Nothing of an answer was sent, and somebody still waits for it. */
  canMove(): boolean;
  modelOf(target: Target): string;
  resilienceOf(target: Target): Resilience;
  attempt(target: Target, options: AttemptOptions): Promise<UpstreamFault | undefined>;
  /** This target failed again and again and is left alone for a while. */
  passOver(target: Target): void;
}

export interface AttemptOptions {
  /** Which of the target's keys; of no meaning without keys. */
  readonly keyIndex: number;
  readonly withoutThinking: boolean;
}

/**
 * Walks the plan once, in order: the same target with its next key or after a wait, then the next target, as the table
 * of failures says. Resolves with the fault to tell, or `undefined` when an answer was delivered. Every try encodes from
 * the pristine request, and none is made once content has been sent.
 */
export async function attemptAll(exchange: Attempting, plan: RoutePlan): Promise<UpstreamFault | undefined> {
  const [first] = plan.targets;
  let last: UpstreamFault | undefined;
  let tooSmall: number | undefined;
  for (const [i, target] of plan.targets.entries()) {
    const others = i + 1 < plan.targets.length;
    // A place to move to that cannot even be asked must not hide why the first choice failed.
    if (i > 0 && target.credential.kind === 'missing') continue;
    if (last?.class === 'context_overflow' && !isLarger(target, tooSmall)) continue;
    if ((others || i > 0) && !isWell(exchange, target)) {
      exchange.passOver(target);
      continue;
    }
    const fault = await attemptGuarded(exchange, target, others);
    if (!fault) return undefined;
    const unasked = i > 0 && fault.class === 'credential' && fault.upstreamStatus === undefined;
    if (last && unasked) continue;
    last = fault;
    if (fault.class === 'context_overflow') tooSmall = Math.max(tooSmall ?? 0, target.data.contextWindow ?? 0);
    const { fallbackOn, isCompaction } = exchange;
    const mayMove = movesOn(fault, target.credential.kind === 'client', fallbackOn, isCompaction);
    if (!exchange.canMove() || !mayMove) return fault;
  }
  // With nobody left who is well, the first choice is asked all the same: refusing helps nobody.
  return last ?? attemptGuarded(exchange, first, false);
}

/** Whether a request that did not fit a window may fit this target's; one that is not known may be large. */
function isLarger(target: Target, window: number | undefined): boolean {
  const { contextWindow } = target.data;
  return contextWindow === undefined || contextWindow > (window ?? 0);
}

/** Takes the one try of a target that was left alone and may be well again. */
function isWell(exchange: Attempting, target: Target): boolean {
  const now = performance.now();
  const { health } = exchange.gateway;
  if (health.isBlocked(target, exchange.modelOf(target), exchange.loginOf(target), now)) return false;
  return breakerOf(exchange, target).allow(now);
}

/** The target's tries, and what they say of its health. */
async function attemptGuarded(
  exchange: Attempting,
  target: Target,
  others: boolean,
): Promise<UpstreamFault | undefined> {
  const breaker = breakerOf(exchange, target);
  let fault: UpstreamFault | undefined;
  try {
    fault = await attemptTarget(exchange, target, others);
  } catch (thrown) {
    breaker.forget();
    throw thrown;
  }
  const now = performance.now();
  if (!fault) breaker.succeed();
  else if (FAILURE_RULES[fault.class].unhealthy) breaker.fail(now);
  else breaker.forget();
  if (fault && isUsedUp(fault, exchange.resilienceOf(target).retry)) {
    const untilMs = now + (fault.retryAfterS as number) * 1000;
    const { rotateAfter } = exchange.resilienceOf(target);
    // With several keys, the first that is ready again counts, not the last that was asked.
    const readyMs = exchange.gateway.health.ring(target, rotateAfter)?.readyAtMs(now) ?? untilMs;
    const login = exchange.loginOf(target);
    exchange.gateway.health.block(target, exchange.modelOf(target), login, Math.min(untilMs, readyMs), now);
  }
  return fault;
}

/** A limit whose end the upstream has told, and for which nobody waits here. */
function isUsedUp({ class: failure, retryAfterS, upstreamStatus }: UpstreamFault, retry = DEFAULT_RETRY): boolean {
  if (retryAfterS === undefined || retryAfterS === 0 || upstreamStatus === undefined) return false;
  return failure === 'quota' || (failure === 'rate_limit' && retryAfterS * 1000 > retry.maxMs);
}

function breakerOf(exchange: Attempting, target: Target): Breaker {
  return exchange.gateway.health.breaker(target, exchange.modelOf(target), exchange.resilienceOf(target).breaker);
}

async function attemptTarget(
  exchange: Attempting,
  target: Target,
  others: boolean,
): Promise<UpstreamFault | undefined> {
  const { retry, rotateAfter } = exchange.resilienceOf(target);
  const ring = exchange.gateway.health.ring(target, rotateAfter);
  const tried = new Set<number>();
  let withoutThinking = false;
  let repeats = 0;
  for (;;) {
    const keyIndex = ring ? keyFor(ring, tried) : 0;
    const fault = await exchange.attempt(target, { keyIndex, withoutThinking });
    if (!fault) {
      ring?.succeed(keyIndex);
      return undefined;
    }
    if (!exchange.canMove()) return fault;
    const rule = FAILURE_RULES[fault.class];
    if (rule.repeatWithoutThinking && !withoutThinking) {
      withoutThinking = true;
      continue;
    }
    // A fault that no upstream gave (a limit of our own, a queue) says nothing of the key.
    const ofUpstream = fault.upstreamStatus !== undefined;
    if (ofUpstream && ring?.fail(keyIndex, fault.class, performance.now(), fault.retryAfterS)) {
      tried.add(keyIndex);
      if (ring.pick(performance.now(), tried) !== undefined) continue;
    }
    if (!rule.repeat || leaveToClient(target, others)) return fault;
    const delayMs =
      others && fault.class === 'rate_limit'
        ? undefined
        : retryDelayMs(repeats++, fault.retryAfterS, Math.random(), retry);
    if (delayMs === undefined) return fault;
    await pause(delayMs, exchange.signal);
    if (!exchange.canMove()) return fault;
  }
}

function keyFor(ring: KeyRing, tried: ReadonlySet<number>): number {
  const now = performance.now();
  return ring.pick(now, tried) ?? ring.leastBad(now);
}

/** The client repeats by itself, visibly and for minutes, and knows best what Anthropic's answers mean. */
function leaveToClient(target: Target, others: boolean): boolean {
  return target.quirks.anthropicGenuine && !others;
}

/** Ends early when nobody waits any more. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
