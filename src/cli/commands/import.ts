import { MidswapError } from '../../core/errors.ts';
import type { App, ImportPlan } from '../app.ts';
import type { Options } from '../commands.ts';
import type { Output } from '../output.ts';
import { needPerson, openQuestions } from '../questions.ts';
import { diffLines, printDiff } from '../text-diff.ts';

/** `import TOOL [PATH] [--dry-run] [--yes] [--no-keys] [--rename PREFIX] [--force]`; without a tool their list. */
export async function importFrom(
  app: App,
  out: Output,
  tool: string | undefined,
  path: string | undefined,
  flags: Options,
): Promise<number> {
  if (tool === undefined) return list(app, out);
  const options = {
    rival: tool,
    ...(path !== undefined && { path }),
    ...(typeof flags.rename === 'string' && { rename: flags.rename }),
    keys: flags.keys !== false,
    force: flags.force === true,
  };
  const plan = await app.planImport(options);
  const dryRun = flags.dryRun === true;
  if (dryRun || flags.yes === true || !isWork(plan)) return carryOut(out, plan, dryRun);
  needPerson(app, 'import', 'Look with --dry-run first, then add --yes');
  const agreed = await ask(app, out, plan, () => app.planImport({ ...options, keys: false }));
  if (!agreed) throw new MidswapError('cancelled', 'nothing is changed');
  return tell(out, await agreed.apply());
}

async function list(app: App, out: Output): Promise<number> {
  const tools = (await app.importable()).map(({ id, title, places }) => ({ id, title, places }));
  if (out.json) out.data(tools);
  else {
    out.table(
      ['TOOL', 'NAME', 'WHERE IT IS LOOKED FOR'],
      tools.map(({ id, title, places }) => [
        id,
        title,
        places.map((place) => `~/${place}`).join(', ') || 'give its path',
      ]),
    );
  }
  return 0;
}

/** Without questions: the change is shown, and made unless it is only to be shown. */
async function carryOut(out: Output, plan: ImportPlan, dryRun: boolean): Promise<number> {
  const result = dryRun || !isWork(plan) ? undefined : await plan.apply();
  const { file, sources, before, after, secrets, conflicts, notes } = plan;
  if (out.json) {
    const diff = diffLines(before ?? '', after);
    const stored = result?.stored ?? [];
    out.data({ sources, file, changed: result?.changed ?? false, diff, secrets, stored, conflicts, notes });
  } else {
    show(out, plan);
    if (result) tell(out, result);
    else if (isWork(plan)) out.note('midswap: nothing is changed: this was a dry run');
    else out.note(`midswap: ${plan.usable ? 'everything is there already' : 'nothing of it can be carried over'}`);
  }
  return dryRun && conflicts.length > 0 ? 1 : 0;
}

/** The plan that a person has agreed to, with or without keys. */
async function ask(
  app: App,
  out: Output,
  plan: ImportPlan,
  withoutKeys: () => Promise<ImportPlan>,
): Promise<ImportPlan | undefined> {
  // Applying it says what is in the way.
  if (plan.conflicts.length > 0) return plan;
  const questions = openQuestions(app);
  try {
    let wanted = plan;
    if (plan.secrets.length > 0) {
      for (const { path } of plan.secrets) out.note(`midswap: a key in plain text: ${path}`);
      const question = `Keep ${plan.secrets.length === 1 ? 'this key' : `these ${plan.secrets.length} keys`} in the keychain, or a file that only you can read?`;
      if (!(await questions.agree(question, true))) wanted = await withoutKeys();
    }
    show(out, wanted);
    return (await questions.agree('Write this?', false)) ? wanted : undefined;
  } finally {
    questions.close();
  }
}

function show(
  out: Output,
  { title, sources, file, before, after, secrets, conflicts, notes, changes }: ImportPlan,
): void {
  out.line(`from ${title}: ${sources.join(', ') || 'what it is known to do'}`);
  if (changes) printDiff(out, file, before, after);
  const part = (heading: string, rows: readonly (readonly [string, string])[]): void => {
    if (rows.length === 0) return;
    out.line();
    out.table([heading, ''], rows);
  };
  part(
    'KEYS TO KEEP',
    secrets.map(({ name, path }) => [name, path]),
  );
  part(
    'IN THE WAY',
    conflicts.map(({ path, reason }) => [path, reason]),
  );
  part(
    'NOT CARRIED OVER',
    notes.map(({ path, reason }) => [path, reason]),
  );
}

function tell(out: Output, { changed, stored }: Awaited<ReturnType<ImportPlan['apply']>>): number {
  for (const { name, kept } of stored) {
    out.note(`midswap: the key "${name}" is in ${kept === 'keychain' ? 'the keychain' : 'the file of keys'}`);
  }
  out.note(changed ? 'midswap: imported; see: midswap profile list' : 'midswap: the configuration file is as it was');
  return 0;
}

function isWork({ changes, secrets, conflicts }: ImportPlan): boolean {
  return changes || secrets.length > 0 || conflicts.length > 0;
}
