import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { asMidswapError, MidswapError } from '../../core/errors.ts';
import type { App, Configuration } from '../app.ts';
import type { Output } from '../output.ts';

/** `config path|check|show [--origin]|edit|schema` */
export async function config(app: App, out: Output, action: string | undefined, origin: boolean): Promise<number> {
  switch (action) {
    case 'path':
      return path(app, out);
    case 'check':
      return check(app, out);
    case undefined:
    case 'show':
      return show(app, out, origin);
    case 'edit':
      return edit(app, out);
    case 'schema':
      out.data(await app.configSchema());
      return 0;
    default:
      throw new MidswapError('usage', `config does not know "${action}"`, {
        hint: 'config path | check | show --origin | edit | schema',
      });
  }
}

async function path(app: App, out: Output): Promise<number> {
  const files = await app.configFiles();
  if (out.json) out.data(files);
  else out.line(files.config);
  return 0;
}

async function check(app: App, out: Output): Promise<number> {
  let configuration: Configuration;
  try {
    configuration = await app.configuration();
  } catch (thrown) {
    const faults = await app.configFaults(thrown);
    if (faults.length === 0) throw thrown;
    if (out.json) out.data({ file: (await app.configFiles()).config, ok: false, faults });
    else for (const fault of faults) out.note(`midswap: ${fault}`);
    return asMidswapError(thrown).exit;
  }
  const { file, warnings, snapshot } = configuration;
  if (out.json) {
    out.data({ file, ok: true, profiles: snapshot.profiles.size, aliases: snapshot.aliases.size, warnings });
    return 0;
  }
  for (const warning of warnings) out.note(`midswap: ${warning}`);
  out.line(`${file}: ${existsSync(file) ? 'fine' : 'not there, the defaults apply'}`);
  return 0;
}

async function show(app: App, out: Output, origin: boolean): Promise<number> {
  const values = (await app.configuration()).origins();
  if (out.json) {
    out.data(origin ? values : Object.fromEntries(values.map(({ key, value }) => [key, value])));
    return 0;
  }
  if (origin) {
    out.table(
      ['KEY', 'VALUE', 'FROM'],
      values.map(({ key, value, origin: from }) => [key, JSON.stringify(value), from]),
    );
  } else {
    for (const { key, value } of values) out.line(`${key}: ${JSON.stringify(value)}`);
  }
  return 0;
}

async function edit(app: App, out: Output): Promise<number> {
  const { config: file } = await app.configFiles();
  const { env } = app.machine;
  const editor = env.VISUAL || env.EDITOR;
  if (!editor) {
    throw new MidswapError('usage', 'no editor is named by VISUAL or EDITOR', { hint: `Open ${file} yourself` });
  }
  await app.ensureConfig();
  await openEditor(editor, file);
  return check(app, out);
}

/** The variable holds a command line, `code --wait`: a shell reads it, and the file goes in as its argument. */
function openEditor(editor: string, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const windows = process.platform === 'win32';
    const child = windows
      ? spawn(`${editor} "${file}"`, { stdio: 'inherit', shell: true })
      : spawn('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
    child.on('error', (cause) => reject(new MidswapError('unreachable', `cannot run ${editor}: ${cause.message}`)));
    child.on('exit', (code) => {
      if (code === 0) resolve();
      else reject(new MidswapError('usage', `${editor} ended with exit code ${code ?? 'none'}`));
    });
  });
}
