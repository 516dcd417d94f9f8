import { MidswapError } from '../../core/errors.ts';
import type { App } from '../app.ts';
import type { Output } from '../output.ts';

/** `plugin path`: where it is; `plugin install`: how a client that midswap does not start gets it. */
export async function plugin(app: App, out: Output, action: string | undefined): Promise<number> {
  if (action !== 'path' && action !== 'install') {
    throw new MidswapError('usage', `plugin does not know "${action ?? ''}"`, { hint: 'plugin path | install' });
  }
  const path = await app.pluginPath();
  if (out.json) out.data({ path });
  else if (action === 'path') out.line(path);
  else {
    out.line('Sessions that midswap starts have the plugin. For any other client:');
    out.line(`  claude --plugin-dir ${path}`);
  }
  return 0;
}
