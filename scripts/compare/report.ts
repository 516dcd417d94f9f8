import type { Case } from './battery.ts';
import type { Result } from './run.ts';
import type { Tool } from './tools.ts';

export interface Comparison {
  readonly date: string;
  /** Runtime and machine, in a few words. */
  readonly on: string;
  readonly tools: readonly {
    readonly tool: Tool;
    readonly version: string;
    readonly results: ReadonlyMap<string, Result>;
  }[];
  readonly cases: readonly Case[];
  /** Command that makes this page. */
  readonly command: string;
}

/** The page of the comparison, as Markdown. */
export function comparisonPage({ date, on, tools, cases, command }: Comparison): string {
  const lines = [
    '# Comparison',
    '',
    `What ${tools.length} gateways between Claude Code and a Chat Completions API do at the wire, in one run on one machine (${date}, ${on}). Each tool got the same ${cases.length} cases over HTTP on loopback: the same request, and an upstream that answers as the case says. The page is written by \`${command}\`, which holds the cases and can be run again.`,
    '',
    'The cases are midswap’s own: they were chosen because Claude Code depends on them, and midswap is developed against such cases, so its own column says less than the others. A tool with other aims may see no fault in a ✗. Nothing is measured but these cases: not features, not speed, not other versions or settings. A case that a tool does not claim to cover is marked –.',
    '',
    '| Tool | Version | As it was set up |',
    '| --- | --- | --- |',
    ...tools.map(({ tool, version }) => `| ${tool.title} | ${version} | ${cell(tool.setup)} |`),
    '',
    row(['Passed', ...tools.map(({ tool }) => tool.title)]),
    row(['---', ...tools.map(() => '---')]),
    ...groupsOf(cases).map((group) => {
      const own = cases.filter((each) => each.group === group);
      return row([group, ...tools.map(({ results }) => score(own, results))]);
    }),
    row(['**All**', ...tools.map(({ results }) => `**${score(cases, results)}**`)]),
    '',
  ];
  for (const group of groupsOf(cases)) {
    lines.push(`## ${group}`, '');
    lines.push(row(['Case', 'What has to be seen', ...tools.map(({ tool }) => tool.title)]));
    lines.push(row(['---', '---', ...tools.map(() => '---')]));
    for (const each of cases.filter((one) => one.group === group)) {
      lines.push(row([each.title, each.expects, ...tools.map(({ results }) => shown(results.get(each.id)))]));
    }
    lines.push('');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

function score(cases: readonly Case[], results: ReadonlyMap<string, Result>): string {
  const judged = cases.map(({ id }) => results.get(id)).filter((result) => result !== undefined && 'passed' in result);
  return `${judged.filter((result) => 'passed' in result && result.passed).length} of ${judged.length}`;
}

function shown(result: Result | undefined): string {
  if (result === undefined) return '';
  if ('notFor' in result) return `– ${result.notFor}`;
  return `${result.passed ? '✓' : '✗'} ${result.seen}`;
}

function groupsOf(cases: readonly Case[]): string[] {
  return [...new Set(cases.map(({ group }) => group))];
}

function row(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |`;
}

/** Text that a table can hold: what tools answer is neither markup nor a new cell. */
function cell(text: string): string {
  return text
    .replace(/[\r\n]+/g, ' ')
    .replace(/\|/g, '\\|')
    .replace(/</g, '&lt;');
}
