import { isRecord } from './types.ts';

/**
 * Reasoning details of a stream, put together again: the pieces of one detail have the same index and type, their texts
 * grow, every other field is the last one told. The order is that of the first piece, and nothing is changed, because
 * the provider checks both.
 */
export class ReasoningDetails {
  #details: Record<string, unknown>[] = [];

  add(pieces: readonly unknown[]): void {
    for (const piece of pieces) if (isRecord(piece)) this.#addOne(piece);
  }

  get isEmpty(): boolean {
    return this.#details.length === 0;
  }

  /** What was put together since the last time. */
  take(): Record<string, unknown>[] {
    const taken = this.#details;
    this.#details = [];
    return taken;
  }

  #addOne(piece: Record<string, unknown>): void {
    const last = this.#details.at(-1);
    const isSame = last !== undefined && last.type === piece.type && last.index === piece.index;
    const grows =
      piece.type !== 'reasoning.encrypted' &&
      (last?.id === undefined ||
        piece.id === undefined ||
        last.id === piece.id ||
        last.id === null ||
        piece.id === null);
    if (!isSame || !grows) {
      this.#details.push({ ...piece });
      return;
    }
    for (const [key, value] of Object.entries(piece)) {
      if (value === undefined || value === null) continue;
      const isGrowing =
        (key === 'text' || key === 'summary') && typeof value === 'string' && typeof last[key] === 'string';
      last[key] = isGrowing ? `${String(last[key])}${value}` : value;
    }
  }
}
