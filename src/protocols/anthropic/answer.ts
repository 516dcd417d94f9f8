import type { UpstreamFault } from '../../core/failure.ts';
import type { Envelope } from '../../core/messages.ts';
import { redact } from '../../core/redact.ts';
import type { Target } from '../../core/target.ts';
import { emptyUsage, type Usage } from '../../core/usage.ts';
import type { ProtocolContext } from '../protocol.ts';
import type { MessageOutput } from './message-output.ts';
import { honestStopReason, MessageWriter, type Resume } from './message-writer.ts';
import { knownStopReason } from './stop-reason.ts';
import { tapUsage, withoutCached } from './usage.ts';

/** What every reader of one answer needs: who asked whom for what, and what is known of it so far. */
export class Answer {
  readonly env: Envelope;
  readonly target: Target;
  readonly context: ProtocolContext;
  readonly usage: Usage = emptyUsage();

  constructor(env: Envelope, target: Target, context: ProtocolContext) {
    this.env = env;
    this.target = target;
    this.context = context;
  }

  get genuine(): boolean {
    return this.target.quirks.anthropicGenuine;
  }

  writer(output?: MessageOutput, resume?: Resume): MessageWriter {
    const { mintId } = this.context;
    return new MessageWriter(
      { model: this.env.model, mintId, idTaken: (id) => this.isUsed(id), ...(resume ? { resume } : {}) },
      output,
    );
  }

  /** The id occurs in the conversation: the client would take a call with it for an old one and drop it. */
  isUsed(id: string): boolean {
    return this.env.raw.includes(`"${id}"`);
  }

  /** Takes over counts, with the cached tokens subtracted where the endpoint is declared to include them, and gives the
   * `usage` for the client. */
  tap(reported: unknown): unknown {
    const honest = this.target.quirks.messages.inputIncludesCached ? withoutCached(reported) : reported;
    tapUsage(honest, this.usage);
    return honest;
  }

  /**
   * The stop reason of an endpoint that is not Anthropic, in a word that the client knows and that agrees with the rest
   * of the answer. Some call it a finished one where a stop sequence has ended it: then the sequence says so, if it is
   * one that was asked for.
   */
  stopReason(said: string, sequence: unknown, hasTools: boolean): string {
    const reason = honestStopReason(knownStopReason(said), hasTools);
    if (reason !== 'end_turn' || typeof sequence !== 'string') return reason;
    const { stop_sequences: asked } = this.env.body();
    return Array.isArray(asked) && asked.includes(sequence) ? 'stop_sequence' : reason;
  }

  /** Keeps who made this thinking, by its signature or its cipher text. */
  remember(signature: unknown): void {
    if (typeof signature !== 'string' || signature === '') return;
    this.context.provenance.remember(signature, this.target.provider, this.genuine);
  }

  /** A failure of the stream itself; the client may ask again. */
  broken(failure: 'empty' | 'malformed' | 'truncated' | 'server_error', what: string): UpstreamFault {
    return {
      class: failure,
      status: 502,
      type: 'api_error',
      message: redact(`${this.target.provider} ${what}`),
      upstreamStatus: 200,
    };
  }
}
