import type { FigureName, Mode } from '../figures.ts';
import type { Bench, CellOptions } from '../measurement.ts';
import type { RunningTarget } from '../targets.ts';

export interface ModeContext {
  readonly bench: Bench;
  readonly mode: Mode;
  /** Warm, all of this mode. */
  readonly targets: readonly RunningTarget[];
}

/** Something that is measured on running targets in one mode. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Figures of its table. */
  readonly columns: readonly FigureName[];
  /** Cells to interleave, in order. */
  cells?(context: ModeContext): readonly CellOptions[];
  /** What is not made of cells. */
  run?(context: ModeContext): Promise<void>;
}
