import { familyOf } from '../catalogue/claude.ts';
import type { RequestClass, RequestFacts } from '../core/facts.ts';
import type { Envelope } from '../core/messages.ts';
import type { Slot } from '../core/slot.ts';
import { fieldOf, hasEntries } from './fields.ts';
import { isClassifier, isCompaction, isModelProbe, isQuotaProbe, isWebSearch, saysSubagent } from './signs.ts';
import { estimateTokens, holdsImages } from './weigh.ts';

export { isModelProbe, isQuotaProbe } from './signs.ts';

export interface ClassifyInput {
  /** Raw header list, name and value alternating. */
  readonly headers: readonly string[];
  readonly envelope: Envelope;
  /** Session id of the gateway. */
  readonly session: string;
  /** Explicit target from a `TOKEN:provider/model` client token. */
  readonly selector?: string | undefined;
  /** Name of the agent, where somebody told it: the client's headers call every agent of the user's own `custom`. */
  readonly agentName?: string | undefined;
}

/**
 * What routing may look at. The client's hint headers come first; the body is read where they are missing, and for
 * the few requests whose class the headers do not tell (all of them small).
 */
export function classify(input: ClassifyInput): RequestFacts {
  const { envelope } = input;
  const headers = hintsOf(input.headers);
  const requestClass = classOf(envelope, headers);
  return {
    session: input.session,
    class: requestClass,
    slot: slotOf(envelope.model, requestClass),
    agentType: headers.get('x-claude-code-agent-type'),
    agentName: input.agentName,
    promptId: headers.get('x-claude-code-prompt-id'),
    model: envelope.model,
    stream: envelope.stream,
    thinking: asksForThinking(envelope),
    hasTools: hasEntries(envelope, 'tools'),
    selector: input.selector,
    tokensEstimate: once(() => estimateTokens(envelope.body())),
    hasImages: once(() => holdsImages(envelope.body())),
  };
}

function classOf(envelope: Envelope, headers: ReadonlyMap<string, string>): RequestClass {
  if (pathOf(envelope).endsWith('/count_tokens')) return 'count_tokens';
  if (headers.has('x-claude-code-compaction')) return 'compaction';
  switch (headers.get('x-claude-code-request-class')) {
    case undefined:
      return classByBody(envelope, headers);
    case 'compaction':
      return 'compaction';
    case 'subagent':
    case 'workflow':
      return 'subagent';
    case 'auxiliary':
      return auxiliaryClass(envelope);
    default:
      return 'main';
  }
}

/** The headers lump together what is very different: who judges actions, who searches, and who makes up titles. */
function auxiliaryClass(envelope: Envelope): RequestClass {
  // A probe asks about the model in use, so it goes where that model is.
  if (isModelProbe(envelope) || isQuotaProbe(envelope)) return 'main';
  if (isClassifier(envelope)) return 'classifier';
  return isWebSearch(envelope) ? 'web_search' : 'auxiliary';
}

function classByBody(envelope: Envelope, headers: ReadonlyMap<string, string>): RequestClass {
  if (isClassifier(envelope)) return 'classifier';
  if (isWebSearch(envelope)) return 'web_search';
  if (isCompaction(envelope)) return 'compaction';
  if (headers.has('x-claude-code-agent-id') || saysSubagent(envelope)) return 'subagent';
  if (isModelProbe(envelope) || isQuotaProbe(envelope)) return 'main';
  // Claude Code's small jobs; any other client may well use the small model for its main one.
  const isSmallJob = familyOf(envelope.model) === 'haiku' && !hasEntries(envelope, 'tools');
  return isSmallJob && headers.has('x-claude-code-session-id') ? 'auxiliary' : 'main';
}

function slotOf(model: string, requestClass: RequestClass): Slot | undefined {
  const family = familyOf(model);
  if (family) return family;
  return requestClass === 'subagent' || requestClass === 'classifier' ? requestClass : undefined;
}

function asksForThinking(envelope: Envelope): boolean {
  const thinking = fieldOf(envelope, 'thinking');
  const type = typeof thinking === 'object' && thinking !== null ? (thinking as { type?: unknown }).type : undefined;
  return type !== undefined && type !== 'disabled';
}

/** What the names of the hint headers begin with. */
const HINT = 'x-claude-code-';

function pathOf(envelope: Envelope): string {
  return envelope.path.split('?', 1)[0] ?? '';
}

/** The client's hints, names in lower case; of several of one name the first. */
function hintsOf(list: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (let at = 0; at + 1 < list.length; at += 2) {
    const given = list[at]!;
    if (given.length <= HINT.length || (given[0] !== 'x' && given[0] !== 'X')) continue;
    const name = given.toLowerCase();
    if (!headers.has(name)) headers.set(name, list[at + 1]!);
  }
  return headers;
}

function once<T>(compute: () => T): () => T {
  let value: { readonly is: T } | undefined;
  return () => {
    value ??= { is: compute() };
    return value.is;
  };
}
