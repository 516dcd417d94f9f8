import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import manifest from '../package.json' with { type: 'json' };
import { installCached } from '../test/support/cached-install.ts';
import { CONNECTION_CASES } from './compare/connection-cases.ts';
import { ERROR_CASES } from './compare/error-cases.ts';
import { comparisonPage } from './compare/report.ts';
import { REQUEST_CASES } from './compare/request-cases.ts';
import { type Result, runTool } from './compare/run.ts';
import { STREAM_CASES } from './compare/stream-cases.ts';
import { TOOL_CASES } from './compare/tool-cases.ts';
import { TOOLS, type Tool } from './compare/tools.ts';
import { canIsolate, runIsolated } from './isolated-network.ts';
import { PROJECT_ROOT } from './layers.ts';

/**
 * Runs the battery against midswap and the peers and writes `docs/comparison.md`: `compare.ts [TOOL...] [--case ID]`.
 * With a selection nothing is written. Peers are installed once, with their own install scripts off; then everything
 * happens in a network without any other host, where the system can make one.
 */
const CASES = [...STREAM_CASES, ...TOOL_CASES, ...REQUEST_CASES, ...CONNECTION_CASES, ...ERROR_CASES];
const PAGE = join(PROJECT_ROOT, 'docs', 'comparison.md');
const ISOLATED = '--isolated';

const args = process.argv.slice(2);
const caseAt = args.indexOf('--case');
const onlyCase = caseAt < 0 ? undefined : args[caseAt + 1];
const names = args.filter((each, at) => !each.startsWith('--') && (caseAt < 0 || at !== caseAt + 1));
const chosen = names.length === 0 ? TOOLS : TOOLS.filter(({ id }) => names.includes(id));
const modules = new Map<string, string>();
for (const { id, npm } of chosen) modules.set(id, npm === undefined ? '' : await installCached(npm.name, npm.version));

if (!args.includes(ISOLATED) && canIsolate()) {
  process.exit(runIsolated(fileURLToPath(import.meta.url), [...args, ISOLATED]));
}

const runs: { tool: Tool; version: string; results: Map<string, Result> }[] = [];
const cases = onlyCase === undefined ? CASES : CASES.filter(({ id }) => id === onlyCase);
for (const tool of chosen) {
  const results = await runTool(tool, cases, modules.get(tool.id) ?? '');
  runs.push({ tool, version: tool.npm?.version ?? manifest.version, results });
  for (const [id, result] of results) {
    const mark = 'notFor' in result ? '-' : result.passed ? 'ok' : 'FAILED';
    console.log(
      `${tool.id.padEnd(8)} ${id.padEnd(18)} ${mark.padEnd(7)} ${'notFor' in result ? result.notFor : result.seen}`,
    );
  }
}
if (names.length === 0 && onlyCase === undefined) {
  const date = new Date().toISOString().slice(0, 10);
  const on = `${process.platform} ${process.arch}, peers on Node ${process.versions.node}`;
  writeFileSync(PAGE, comparisonPage({ date, on, tools: runs, cases, command: 'npm run compare' }));
  console.log(`written: ${PAGE}`);
}
process.exit(0);
