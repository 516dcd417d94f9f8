import type { ExchangeRecord, GatewayEvent } from '../core/events.ts';
import type { DetourInfo, FailureInfo } from './contract.ts';

/** Failures that are kept for each session. */
const KEPT = 8;

interface Trouble {
  failures: FailureInfo[];
  detour: DetourInfo | null;
}

const NONE: Trouble = { failures: [], detour: null };

/** What went wrong in each session lately, and where its requests went instead. */
export class TroubleLog {
  readonly #sessions = new Map<string, Trouble>();

  of(session: string): { readonly failures: readonly FailureInfo[]; readonly detour: DetourInfo | null } {
    return this.#sessions.get(session) ?? NONE;
  }

  note(event: GatewayEvent): void {
    if (event.type === 'session.closed') this.#sessions.delete(event.session);
    // Another choice has not failed yet.
    const known = event.type === 'session.switched' ? this.#sessions.get(event.session) : undefined;
    if (known) known.detour = null;
    if (event.type === 'exchange.ended') this.#noteExchange(event.record);
  }

  #noteExchange(record: ExchangeRecord): void {
    const failed = failuresOf(record);
    const known = this.#sessions.get(record.session);
    if (failed.length === 0 && record.firstChoice === undefined && !known?.detour) return;
    const trouble = known ?? { failures: [], detour: null };
    trouble.failures = [...failed.reverse(), ...trouble.failures].slice(0, KEPT);
    if (record.class === 'main' && record.outcome === 'ok') trouble.detour = detourOf(record, trouble.detour);
    this.#sessions.set(record.session, trouble);
  }
}

function failuresOf(record: ExchangeRecord): FailureInfo[] {
  const last = record.attempts.at(-1);
  const answeredBy = record.outcome === 'ok' && last ? `${last.provider}/${last.model}` : null;
  return record.attempts.flatMap(({ provider, model, failure, status, message }) =>
    failure === undefined || failure === 'aborted'
      ? []
      : [{ atMs: record.atMs, provider, model, failure, status: status ?? null, message: message ?? null, answeredBy }],
  );
}

/** One that is passed over fails no more: why it was left is remembered from before. */
function detourOf(record: ExchangeRecord, before: DetourInfo | null): DetourInfo | null {
  const { firstChoice: first, provider, model, attempts } = record;
  if (first === undefined || provider === undefined) return null;
  const sameProvider = first.provider === provider;
  const from = sameProvider ? first.model : first.provider;
  const to = sameProvider ? String(model) : provider;
  const failed = attempts.find((attempt) => attempt.provider === first.provider && attempt.model === first.model);
  return { from, to, failure: failed?.failure ?? (before?.from === from ? before.failure : null) };
}
