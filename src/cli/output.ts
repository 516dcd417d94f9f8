import type { Writable } from 'node:stream';
import { asMidswapError } from '../core/errors.ts';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

/** Where a command writes: results to `out`, everything else to `err`. */
export interface Output {
  readonly json: boolean;
  /** One line of the result. */
  line(text?: string): void;
  /** The result as JSON, for `--json`. */
  data(value: unknown): void;
  /** Rows under headings, columns as wide as their widest cell. */
  table(headings: readonly string[], rows: readonly (readonly string[])[]): void;
  /** One line beside the result. */
  note(text: string): void;
  /** The text in a style where the result goes to a terminal, else as it is. */
  paint(style: Style, text: string): string;
}

export interface Stream extends Writable {
  readonly isTTY?: boolean;
}

export interface OutputOptions {
  readonly json?: boolean;
  /** `NO_COLOR` and `FORCE_COLOR` (no-color.org, force-color.org), as the environment has them. */
  readonly noColor?: string | undefined;
  readonly forceColor?: string | undefined;
}

/** Nothing is asked of the streams before something is written. */
export function createOutput(streams: Readonly<Record<'out' | 'err', Stream>>, options: OutputOptions = {}): Output {
  const forced = options.forceColor !== undefined && options.forceColor !== '' && options.forceColor !== '0';
  const paint = (style: Style, text: string) => {
    const colour = !options.noColor && (forced || streams.out.isTTY === true);
    const [open, close] = CODES[style];
    return colour && text !== '' ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  };
  return {
    json: options.json === true,
    line: (text = '') => void streams.out.write(`${text}\n`),
    data: (value) => void streams.out.write(`${JSON.stringify(value, null, 2)}\n`),
    table(headings, rows) {
      for (const line of layOut(headings, rows, (text) => paint('dim', text))) streams.out.write(`${line}\n`);
    },
    note: (text) => void streams.err.write(`${text}\n`),
    paint,
  };
}

/** Lines of a table. Widths count what is shown: styles and combining marks take no room, wide characters two. */
export function layOut(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  paintHeading: (text: string) => string = (text) => text,
): string[] {
  const widths = headings.map((heading, column) =>
    Math.max(shownWidth(heading), ...rows.map((row) => shownWidth(row[column] ?? ''))),
  );
  const layLine = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - shownWidth(cell))))
      .join('  ')
      .trimEnd();
  return [paintHeading(layLine(headings)), ...rows.map(layLine)];
}

/** `midswap: what happened, where. hint`: one line, whatever was thrown. */
export function errorLine(thrown: unknown): string {
  const { message, hint: whole } = asMidswapError(thrown);
  // A hint of several lines has the details first and ends with what to do.
  const hint = whole?.trimEnd().split('\n').at(-1);
  const what = oneLine(message).replace(/[.\s]+$/, '');
  return `midswap: ${what}${hint === undefined ? '' : `. ${oneLine(hint)}`}`;
}

function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what an upstream or a file says must not steer the terminal
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what a style begins with
const STYLES = /\u001b\[[\d;]*m/g;
const MARKS = /\p{Mark}|\u200d/u;
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u;

function shownWidth(text: string): number {
  let width = 0;
  for (const character of text.replace(STYLES, '')) {
    if (!MARKS.test(character)) width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}

export function describeDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours}h${pad(minutes % 60)}m` : `${Math.floor(hours / 24)}d${pad(hours % 24)}h`;
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
