import type { App } from '../app.ts';
import type { Output } from '../output.ts';
import { readPort } from './launch.ts';

export interface ServeFlags {
  readonly host: string | undefined;
  readonly port: string | undefined;
  readonly config: string | undefined;
}

export function serve(app: App, out: Output, { host, port, config }: ServeFlags): Promise<number> {
  return app.serve({
    out,
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port: readPort(port) }),
    ...(config !== undefined && { config }),
  });
}
