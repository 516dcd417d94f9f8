import { errorEnvelope, MidswapError } from '../core/errors.ts';
import type { RequestFacts } from '../core/facts.ts';
import type { Envelope } from '../core/messages.ts';
import { offeredNames } from '../core/offer.ts';
import type { Selection } from '../core/session.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { isModelProbe, isQuotaProbe } from '../routing/classify.ts';
import { makePlan } from '../routing/plan.ts';
import { resolveReference } from '../routing/reference.ts';
import type { Reply } from './reply.ts';

/**
 * Answers that need no model. Only what is safe: nothing that feeds a permission decision. True when the reply was
 * sent.
 */
export function answerLocally(
  snapshot: Snapshot,
  selection: Selection,
  facts: RequestFacts,
  envelope: Envelope,
  reply: Reply,
): boolean {
  if (facts.class === 'count_tokens') return false;
  const { modelCheck = true, quotaCheck = true } = snapshot.settings.localAnswers ?? {};
  if (quotaCheck && isQuotaProbe(envelope)) return answerQuota(snapshot, selection, facts, reply);
  if (!modelCheck || !isModelProbe(envelope)) return false;
  // Names that the client knows by itself are checked by whoever serves them.
  const plan = makePlan(snapshot, selection, facts);
  if (plan.targets[0].model === undefined) return false;
  const known = facts.slot !== undefined || plan.reason.rule === 'selector' || resolves(snapshot, facts.model);
  if (known) {
    reply.sendJson(200, probeAnswer(facts.model, reply.requestId));
    return true;
  }
  const message = `model: ${facts.model} is not a profile, alias or model that midswap knows (see "midswap models")`;
  reply.send(
    404,
    ['content-type', 'application/json', 'request-id', reply.requestId],
    errorEnvelope('not_found_error', message, reply.requestId),
  );
  return true;
}

/** Only a subscription has limits that the client can show; others are asked for nothing with it. */
function answerQuota(snapshot: Snapshot, selection: Selection, facts: RequestFacts, reply: Reply): boolean {
  const { credential } = makePlan(snapshot, selection, facts).targets[0];
  if (credential.kind === 'client' || credential.kind === 'missing') return false;
  reply.sendJson(200, probeAnswer(facts.model, reply.requestId));
  return true;
}

function resolves(snapshot: Snapshot, name: string): boolean {
  try {
    resolveReference(snapshot, name);
    return true;
  } catch (error) {
    if (error instanceof MidswapError) return false;
    throw error;
  }
}

function probeAnswer(model: string, requestId: string): unknown {
  return {
    id: requestId.replace(/^req_/, 'msg_'),
    type: 'message',
    role: 'assistant',
    model,
    content: [{ type: 'text', text: 'ok' }],
    stop_reason: 'max_tokens',
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
  };
}

/** Token count by estimate, for an upstream that has no counter: the body of the answer. */
export function estimateCount(facts: RequestFacts): Buffer {
  return Buffer.from(JSON.stringify({ input_tokens: facts.tokensEstimate() }));
}

export function sendCount(body: Buffer, reply: Reply, headers: readonly string[]): void {
  reply.send(200, ['content-type', 'application/json', 'request-id', reply.requestId, ...headers], body);
}

/** `GET /v1/models`, in the Messages API's shape. The ids contain `claude`, since the client's discovery keeps no others. */
export function modelList(snapshot: Snapshot): {
  data: ModelRow[];
  has_more: false;
  first_id: string | null;
  last_id: string | null;
} {
  const rows = offeredNames(snapshot).map((name) => modelRow(name));
  return { data: rows, has_more: false, first_id: rows[0]?.id ?? null, last_id: rows.at(-1)?.id ?? null };
}

interface ModelRow {
  readonly type: 'model';
  readonly id: string;
  readonly display_name: string;
  readonly created_at: string;
}

/** `GET /v1/models/ID`. */
export function modelById(snapshot: Snapshot, id: string): ModelRow | undefined {
  const name = id.replace(/^claude\//, '');
  return resolves(snapshot, name) ? modelRow(name) : undefined;
}

function modelRow(name: string): ModelRow {
  return { type: 'model', id: `claude/${name}`, display_name: name, created_at: '2026-01-01T00:00:00Z' };
}
