import { BOUNDS, lookAt } from './bounds.ts';
import { type FigureName, type Figures, MODES, type Mode } from './figures.ts';
import { ratio } from './statistics.ts';

const HEADINGS: Record<FigureName, readonly [heading: string, digits: number]> = {
  ttftUs: ['first token µs', 0],
  ttftP99Us: ['p99 µs', 0],
  addedTtftUs: ['added µs', 0],
  completeUs: ['complete µs', 0],
  eventP50Us: ['event p50 µs', 0],
  eventP99Us: ['event p99 µs', 0],
  cpuMs: ['CPU ms', 3],
  cpuMsPerThousand: ['CPU ms/1k events', 2],
  answersPerS: ['answers/s', 0],
  failed: ['failed', 0],
  foreignShare: ['foreign', 2],
  startMs: ['ms', 1],
  rssMb: ['RSS MB', 1],
  pssMb: ['PSS MB', 1],
};

/** Figures that are also shown as a multiple of nginx's. */
const COMPARED: ReadonlySet<FigureName> = new Set(['addedTtftUs', 'eventP99Us', 'cpuMs', 'cpuMsPerThousand']);

const MODE_TITLES: Record<Mode, string> = {
  messages: 'Anthropic upstream, passed through',
  compatible: 'Anthropic-compatible upstream, cleaned',
  chat: 'Chat Completions upstream, translated',
};

export interface Table {
  readonly scenario: string;
  readonly title: string;
  readonly columns: readonly FigureName[];
}

/** What was measured, one table per scenario and mode. */
export function renderTables(figures: Figures, tables: readonly Table[]): string {
  const out: string[] = [];
  for (const { scenario, title, columns } of tables) {
    for (const mode of MODES) {
      const places = figures.places().filter((place) => place.scenario === scenario && place.mode === mode);
      if (places.length === 0) continue;
      const shapes = [...new Set(places.map((place) => place.shape))];
      const rows = shapes.flatMap((shape) =>
        places
          .filter((place) => place.shape === shape)
          .map((place, at) => [
            at === 0 ? shape : '',
            place.target,
            ...columns.map((name) => {
              const value = figures.median(place, name);
              const floor = COMPARED.has(name) ? figures.median({ ...place, target: 'nginx' }, name) : undefined;
              const times = place.target.startsWith('midswap') ? ratio(value, floor) : undefined;
              return formatValue(value, HEADINGS[name][1]) + (times === undefined ? '' : ` (×${times.toFixed(2)})`);
            }),
          ]),
      );
      const heading = ['', 'target', ...columns.map((name) => HEADINGS[name][0])];
      out.push(`${title} — ${MODE_TITLES[mode]}`, renderTable(heading, rows), '');
    }
  }
  return out.join('\n');
}

export interface Verdict {
  readonly text: string;
  readonly mode: Mode;
  readonly limit: number;
  readonly unit: string;
  readonly target: string;
  readonly value: number | undefined;
  readonly met: boolean | undefined;
  /** What nginx reaches of a bound beside a peer. */
  readonly floor: number | undefined;
}

/** Every bound that was measured on the target. */
export function judge(figures: Figures, target: string): Verdict[] {
  return BOUNDS.map((bound) => {
    const { text, mode, limit, unit } = bound;
    const look = lookAt(figures, target, mode);
    const value = bound.value(look);
    const met = value === undefined ? undefined : value <= limit;
    return { text, mode, limit, unit, target, value, met, floor: bound.floor?.(look) };
  });
}

/** The bounds as the first target has to reach them, the other beside it for comparison. */
export function renderVerdicts(judged: readonly Verdict[], beside: readonly Verdict[]): string {
  const rows = judged.flatMap((verdict, at) => {
    const other = beside[at]?.value;
    if (verdict.value === undefined && other === undefined) return [];
    const { mode, text, unit, limit, value } = verdict;
    return [[mode, text, `${limit} ${unit}`, withUnit(value, unit), wordFor(verdict), withUnit(other, unit)]];
  });
  return renderTable(['mode', 'bound', 'at most', judged[0]?.target ?? '', '', beside[0]?.target ?? ''], rows);
}

function wordFor({ met, floor, limit, unit }: Verdict): string {
  if (met === undefined) return 'not measured';
  if (met) return 'met';
  return floor !== undefined && floor > limit ? `impossible: nginx ${withUnit(floor, unit)}` : 'MISSED';
}

function withUnit(value: number | undefined, unit: string): string {
  const digits = unit === '' ? 0 : unit === '×' && value !== undefined && Math.abs(value) < 1 ? 3 : 2;
  return value === undefined ? '–' : `${formatValue(value, digits)} ${unit}`;
}

function formatValue(value: number | undefined, digits: number): string {
  return value === undefined ? '–' : value.toFixed(digits);
}

/** Columns aligned with spaces; words to the left, numbers to the right. */
function renderTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((cell, at) => Math.max(cell.length, ...rows.map((row) => (row[at] ?? '').length)));
  const isNumeric = heading.map((_, at) => rows.every((row) => /^[\d–-]/.test(row[at] ?? '')));
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => (isNumeric[at] ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(heading), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}
