import type { Slot } from './slot.ts';

export type RequestClass =
  | 'main'
  | 'subagent'
  | 'compaction'
  | 'auxiliary'
  | 'classifier'
  | 'web_search'
  | 'count_tokens';

/** What routing may look at. Everything costly is lazy: a rule that does not ask does not pay. */
export interface RequestFacts {
  /** Session id of the gateway, not the client's. */
  readonly session: string;
  readonly class: RequestClass;
  /** Slot by the inbound model name and class; `undefined` when the name says nothing. */
  readonly slot: Slot | undefined;
  readonly agentType: string | undefined;
  /** Name of an agent of the user's own, where somebody told it: the client's header calls each of them `custom`. */
  readonly agentName?: string | undefined;
  readonly promptId: string | undefined;
  /** The model name that the client sent. */
  readonly model: string;
  readonly stream: boolean;
  readonly thinking: boolean;
  readonly hasTools: boolean;
  /** Explicit target from a `TOKEN:provider/model` client token. */
  readonly selector: string | undefined;
  tokensEstimate(): number;
  hasImages(): boolean;
}
