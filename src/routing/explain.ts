import { DEFAULT_QUIRKS, QUIRK_TABLE } from '../catalogue/quirks.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { RoutePlan, Target, ThinkingChoice } from '../core/target.ts';

/** A plan as data, for `--json`. */
export interface Explanation {
  readonly request: {
    readonly class: string;
    readonly model: string;
    readonly slot: string | undefined;
    readonly agent: string | undefined;
    readonly stream: boolean;
    readonly thinking: boolean;
    readonly tools: boolean;
    /** Estimate of the input. */
    readonly tokens: number;
  };
  readonly rule: string;
  readonly detail: string;
  readonly targets: readonly ExplainedTarget[];
}

export interface ExplainedTarget {
  readonly provider: string;
  readonly profile: string;
  readonly host: string;
  readonly protocol: string;
  /** `undefined`: the name that the client asked for. */
  readonly model: string | undefined;
  readonly contextWindow: number | undefined;
  /** Whether the estimate fits into the window; `undefined` where nobody knows. */
  readonly fits: boolean | undefined;
  /** What the profile says of thinking: on, off or tokens; `undefined` leaves it to the client. */
  readonly thinking: ThinkingChoice | undefined;
  /** What the input costs without a cache, US dollars; `undefined` where the price is unknown. */
  readonly inputUsd: number | undefined;
  /** Deviations from the defaults, by their key in the configuration. */
  readonly quirks: Readonly<Record<string, unknown>>;
  readonly patches: readonly string[];
}

/** US dollars for a million tokens of input; `undefined` is unknown. */
export type InputPrice = (provider: string, model: string) => number | undefined;

/** What a plan says, for people and for programs. */
export function explainPlan(
  plan: RoutePlan,
  facts: RequestFacts,
  priceOf: InputPrice,
): { lines: string[]; json: Explanation } {
  const tokens = facts.tokensEstimate();
  const json: Explanation = {
    request: {
      class: facts.class,
      model: facts.model,
      slot: plan.slot,
      agent: facts.agentName ?? facts.agentType,
      stream: facts.stream,
      thinking: facts.thinking,
      tools: facts.hasTools,
      tokens,
    },
    rule: plan.reason.rule,
    detail: plan.reason.detail,
    targets: plan.targets.map((target) => explainTarget(target, facts.model, tokens, priceOf)),
  };
  return { lines: linesOf(json), json };
}

function explainTarget(target: Target, inbound: string, tokens: number, priceOf: InputPrice): ExplainedTarget {
  const { contextWindow } = target.data;
  const price = priceOf(target.provider, target.model ?? inbound);
  return {
    provider: target.provider,
    profile: target.profile,
    host: hostOf(target.endpoint.baseUrl),
    protocol: target.endpoint.protocol,
    model: target.model,
    contextWindow,
    fits: contextWindow === undefined ? undefined : tokens < contextWindow,
    thinking: target.thinking,
    inputUsd: price === undefined ? undefined : (tokens * price) / 1_000_000,
    quirks: deviations(target),
    patches: target.patches,
  };
}

function deviations(target: Target): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const { name, key } of QUIRK_TABLE) {
    const value = at(target.quirks, name);
    if (JSON.stringify(value) !== JSON.stringify(at(DEFAULT_QUIRKS, name))) found[key] = value;
  }
  return found;
}

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], value);
}

function linesOf({ request, rule, detail, targets }: Explanation): string[] {
  const parts = [
    `${request.class} request`,
    `model ${request.model}`,
    ...(request.slot === undefined ? [] : [`slot ${request.slot}`]),
    ...(request.agent === undefined ? [] : [`agent ${request.agent}`]),
    `about ${request.tokens} tokens`,
  ];
  return [parts.join(', '), `rule: ${rule} (${detail})`, ...targets.flatMap(targetLines)];
}

function targetLines(target: ExplainedTarget, index: number): string[] {
  const model = target.model ?? "the client's own name";
  const window = target.contextWindow === undefined ? 'window unknown' : `window ${target.contextWindow}`;
  const room = target.fits === false ? `${window}, TOO SMALL` : window;
  const cost = target.inputUsd === undefined ? 'price unknown' : `input $${target.inputUsd.toFixed(4)}`;
  const quirks = Object.entries(target.quirks).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return [
    `${index + 1}. ${target.provider} -> ${target.host} (${model}), ${target.protocol}, profile ${target.profile}, ${room}, ${cost}${thinkingText(target)}`,
    ...(quirks.length > 0 ? [`   quirks: ${quirks.join(', ')}`] : []),
    ...(target.patches.length > 0 ? [`   patches: ${target.patches.join(', ')}`] : []),
  ];
}

function thinkingText({ thinking }: ExplainedTarget): string {
  if (thinking === undefined) return '';
  return typeof thinking === 'number' ? `, thinking up to ${thinking} tokens` : `, thinking ${thinking}`;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
