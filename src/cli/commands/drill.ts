import type { App } from '../app.ts';
import type { Output } from '../output.ts';

/** `doctor --drill`: what a session would see of every fault. The exit code is 0 whatever it is: a drill is no check. */
export async function drill(app: App, out: Output): Promise<number> {
  if (!out.json) out.line('a drill: simulated faults, no real provider is called');
  const { verdict, results } = await app.drill((line) => (out.json ? undefined : out.line(line)));
  if (out.json) out.data({ verdict, results });
  else out.line(`\n${verdict}`);
  return 0;
}
