import { setTimeout as sleep } from 'node:timers/promises';
import type { UpstreamFault } from '../core/failure.ts';
import type { RoutePlan, Target } from '../core/target.ts';
import { FAILURE_RULES } from '../policy/failure-rules.ts';
import type { KeyRing } from '../policy/key-ring.ts';
import { retryDelayMs } from '../policy/retry.ts';
import { connectionFault } from './faults.ts';
import type { GatewayCore } from './gateway.ts';

/** What the walk over a plan needs from its exchange. */
export interface Attempting {
  readonly gateway: GatewayCore;
  readonly signal: AbortSignal;
  /** Nothing of an answer was sent, and somebody still waits for it. */
  canMove(): boolean;
  modelOf(target: Target): string;
  attempt(target: Target, options: AttemptOptions): Promise<UpstreamFault | undefined>;
}

export interface AttemptOptions {
  /** Which of the target's keys; of no meaning without keys. */
  readonly keyIndex: number;
  readonly withoutThinking: boolean;
}

/**
 * Walks the plan once, in order: the same target with its next key or after a wait, then the next target, as the table
 * of failures says. Resolves with the last fault, or `undefined` when an answer was delivered. Every try encodes from
 * the pristine request, and none is made once content has been sent.
 */
export async function attemptAll(exchange: Attempting, plan: RoutePlan): Promise<UpstreamFault | undefined> {
  let last: UpstreamFault | undefined;
  for (const [i, target] of plan.targets.entries()) {
    const others = i + 1 < plan.targets.length;
    const breaker = exchange.gateway.health.breaker(target, exchange.modelOf(target));
    // The only target left is tried even with an open breaker: refusing what nobody else can do helps nobody.
    if ((others || last) && !breaker.allow(performance.now())) {
      last ??= resting(target);
      continue;
    }
    const fault = await attemptTarget(exchange, target, others);
    if (!fault) {
      breaker.succeed();
      return undefined;
    }
    last = fault;
    const rule = FAILURE_RULES[fault.class];
    if (rule.unhealthy) breaker.fail(performance.now());
    else if (fault.class === 'quota' && fault.retryAfterS)
      breaker.fail(performance.now(), performance.now() + fault.retryAfterS * 1000);
    else breaker.forget();
    if (!rule.nextTarget || !exchange.canMove()) return fault;
  }
  return last;
}

async function attemptTarget(
  exchange: Attempting,
  target: Target,
  others: boolean,
): Promise<UpstreamFault | undefined> {
  const ring = exchange.gateway.health.ring(target);
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
    if (ring?.fail(keyIndex, fault.class, performance.now(), fault.retryAfterS)) {
      tried.add(keyIndex);
      if (ring.pick(performance.now(), tried) !== undefined) continue;
    }
    if (!rule.repeat || leaveToClient(target, others)) return fault;
    const delayMs =
      others && fault.class === 'rate_limit' ? undefined : retryDelayMs(repeats++, fault.retryAfterS, Math.random());
    if (delayMs === undefined) return fault;
    await sleep(delayMs, undefined, { signal: exchange.signal }).catch(() => {});
    if (!exchange.canMove()) return fault;
  }
}

/** A pool with no key ready still answers with what its first key gets: the client then sees the true reason. */
function keyFor(ring: KeyRing, tried: ReadonlySet<number>): number {
  return ring.pick(performance.now(), tried) ?? 0;
}

/** The client repeats by itself, visibly and for minutes, and knows best what Anthropic's answers mean. */
function leaveToClient(target: Target, others: boolean): boolean {
  return target.quirks.anthropicGenuine && !others;
}

function resting(target: Target): UpstreamFault {
  const fault = connectionFault('overloaded', `${target.provider} failed repeatedly and is left alone for a while`);
  return { ...fault, status: 503, type: 'overloaded_error' };
}
