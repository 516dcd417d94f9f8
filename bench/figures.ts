import { median } from './statistics.ts';

/**
 * `messages`: Anthropic itself, passed through. `compatible`: another provider's Messages API, where what belongs to
 * Anthropic only is removed. `chat`: Chat Completions, translated.
 */
export const MODES = ['messages', 'compatible', 'chat'] as const;

export type Mode = (typeof MODES)[number];

/** What was measured, and on whom. */
export interface Place {
  readonly scenario: string;
  readonly mode: Mode;
  /** Which variant of the scenario: `200 events, 16 clients`. */
  readonly shape: string;
  readonly target: string;
}

/** Names carry their unit. `failed` counts answers that were not good. */
export type FigureName =
  | 'ttftUs'
  | 'ttftP99Us'
  | 'addedTtftUs'
  | 'completeUs'
  | 'eventP50Us'
  | 'eventP99Us'
  | 'cpuMs'
  | 'cpuMsPerThousand'
  | 'answersPerS'
  | 'failed'
  | 'foreignShare'
  | 'startMs'
  | 'rssMb'
  | 'pssMb';

/** Every measured value, one per round, under its place. */
export class Figures {
  readonly #values = new Map<string, { place: Place; name: FigureName; values: number[] }>();

  add(place: Place, name: FigureName, value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value)) return;
    const key = keyOf(place, name);
    const entry = this.#values.get(key) ?? { place, name, values: [] };
    entry.values.push(value);
    this.#values.set(key, entry);
  }

  median(place: Place, name: FigureName): number | undefined {
    return median(this.#values.get(keyOf(place, name))?.values ?? []);
  }

  /** Over everything that was measured on a target in a mode. */
  sum(target: string, mode: Mode, name: FigureName): number | undefined {
    let sum: number | undefined;
    for (const entry of this.#values.values()) {
      if (entry.place.target !== target || entry.place.mode !== mode || entry.name !== name) continue;
      sum = entry.values.reduce((total, value) => total + value, sum ?? 0);
    }
    return sum;
  }

  /** Places in the order in which they were first measured. */
  places(): Place[] {
    const places = new Map<string, Place>();
    for (const { place } of this.#values.values()) places.set(keyOf(place), place);
    return [...places.values()];
  }

  toJSON(): unknown {
    return [...this.#values.values()].map(({ place, name, values }) => ({
      ...place,
      name,
      median: median(values),
      values,
    }));
  }
}

function keyOf({ scenario, mode, shape, target }: Place, name = ''): string {
  return [scenario, mode, shape, target, name].join('|');
}
