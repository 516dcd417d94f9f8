import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { asMidswapError } from '../../src/core/errors.ts';
import { launch } from '../../src/launcher/launch.ts';
import type { LaunchRequest } from '../../src/launcher/request.ts';

/**
 * A launcher on its own: `launch-session.ts REQUEST.json ARGS...`. The client talks to the URL of the request without a
 * gateway in between; prompts for midswap are answered here, with the prompt in the answer.
 */
const [, , file = '', ...args] = process.argv;
const request = JSON.parse(readFileSync(file, 'utf8')) as Omit<LaunchRequest, 'parentEnv' | 'home' | 'cwd'>;

const hook = createServer(async (incoming, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { prompt } = JSON.parse(Buffer.concat(chunks).toString()) as { prompt: string };
  const isOurs = /^(swap |\/midswap:)/.test(prompt) && incoming.headers.authorization === 'Bearer control-token';
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(isOurs ? { continue: false, stopReason: `heard: ${prompt}` } : {}));
});
await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
const { port } = hook.address() as AddressInfo;

try {
  process.exitCode = await launch({
    ...request,
    args,
    parentEnv: process.env,
    home: process.env.HOME ?? homedir(),
    cwd: process.cwd(),
    startLine: { ...request.startLine, port },
    hook: { url: `http://127.0.0.1:${port}/hook`, token: 'control-token' },
    onExit: async () => {
      hook.closeAllConnections();
      hook.close();
    },
  });
} catch (thrown) {
  const { message, hint, exit } = asMidswapError(thrown);
  process.stderr.write(`midswap: ${message}. ${hint ?? ''}\n`);
  process.exitCode = exit;
}
