import type { GatewayEvent } from './events.ts';

export type Listener = (event: GatewayEvent) => void;

/** Where the data plane says what happened. A listener that throws is the listener's problem: it is reported once to
 * `onFault` and never reaches the exchange. */
export class Bus {
  readonly #listeners = new Set<Listener>();
  readonly #onFault: (fault: unknown) => void;

  constructor(onFault: (fault: unknown) => void = () => {}) {
    this.#onFault = onFault;
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: GatewayEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (fault) {
        this.#onFault(fault);
      }
    }
  }
}
