import { readFileSync } from 'node:fs';
import { MidswapError } from '../../core/errors.ts';
import type { App } from '../app.ts';
import type { Output } from '../output.ts';
import { readAll } from './hook.ts';

export interface ExplainFlags {
  readonly reference: string | undefined;
  readonly model: string | undefined;
  readonly file: string | undefined;
}

/** `explain [REFERENCE] [--model M] [--file request.json]` */
export async function explain(app: App, out: Output, { reference, model, file }: ExplainFlags): Promise<number> {
  const request = file === undefined ? undefined : await readRequest(app, file);
  const explanation = await app.explain({
    ...(reference !== undefined && { reference }),
    ...(model !== undefined && { model }),
    ...(request !== undefined && { request }),
  });
  if (out.json) out.data(explanation.data);
  else for (const line of explanation.lines) out.line(line);
  return 0;
}

async function readRequest(app: App, file: string): Promise<string> {
  if (file === '-') return readAll(app.streams.in);
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new MidswapError('not_found', `cannot read ${file}: ${why}`, { cause });
  }
}
