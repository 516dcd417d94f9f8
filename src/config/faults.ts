import { MidswapError } from '../core/errors.ts';
import type { Path, Position } from './source.ts';

/** One thing that is wrong in a configuration, with the place where it is written. */
export interface ConfigFault {
  /** The file, or `environment`, or `command line`. */
  readonly file: string;
  readonly position: Position | undefined;
  /** `profiles.mix.models.opus`; empty for the file as a whole. */
  readonly path: string;
  readonly what: string;
  /** The valid name that is nearest to what was written. */
  readonly suggestion: string | undefined;
}

/** `/home/u/.config/midswap/config.yaml:7:5: profiles.mix.modles: unknown key; did you mean "models"?` */
export function faultText(fault: ConfigFault): string {
  const suggestion = fault.suggestion === undefined ? '' : `; did you mean "${fault.suggestion}"?`;
  const path = fault.path === '' ? '' : `${fault.path}: `;
  return `${placeText(fault.file, fault.position)}: ${path}${fault.what}${suggestion}`;
}

export function placeText(file: string, position: Position | undefined): string {
  return position ? `${file}:${position.line}:${position.column}` : file;
}

/** A path as people write it; a step that holds a dot is quoted. */
export function pathText(path: Path): string {
  return path
    .map((step, at) => {
      if (typeof step === 'number') return `[${step}]`;
      const plain = /^[A-Za-z0-9_-]+$/.test(step) ? step : JSON.stringify(step);
      return at === 0 ? plain : `.${plain}`;
    })
    .join('');
}

/** `config_invalid` with the first fault as the message and the others in the hint. `faultsOf` gives all of them. */
export function configInvalid(faults: readonly [ConfigFault, ...ConfigFault[]]): MidswapError {
  const [first, ...others] = faults;
  const shown = others.slice(0, 9).map(faultText);
  if (others.length > shown.length) shown.push(`and ${others.length - shown.length} more`);
  const also = shown.length > 0 ? `Also:\n  ${shown.join('\n  ')}\n` : '';
  return new MidswapError('config_invalid', faultText(first), {
    hint: `${also}Correct it; "midswap config check" shows everything, "midswap config schema" what is possible.`,
    cause: faults,
  });
}

/** Every fault behind a `config_invalid`; empty for other errors. */
export function faultsOf(error: unknown): readonly ConfigFault[] {
  if (!(error instanceof MidswapError) || error.code !== 'config_invalid') return [];
  return Array.isArray(error.cause) ? (error.cause as ConfigFault[]) : [];
}
