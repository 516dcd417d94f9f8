import type { Path } from './source.ts';

/** Something that is wrong with what is written at a path. */
export interface Remark {
  readonly path: Path;
  readonly what: string;
  readonly suggestion?: string | undefined;
}

/** Collects what is wrong (`fault`: nothing of it is used) and what deserves a word (`warn`). */
export interface Remarks {
  fault(remark: Remark): void;
  warn(remark: Remark): void;
}
