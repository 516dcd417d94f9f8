import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { tempDir } from './temp-home.ts';
import { until } from './until.ts';

/** A real secret service of its own: a message bus and GNOME's keyring, unlocked, in a folder that goes away. */
export interface SecretService {
  /** What a program needs to find it. */
  readonly env: Readonly<Record<string, string>>;
  /** Locks the keyring; nobody is there to answer its prompt. */
  lock(): void;
  /** The keyring stays on the bus and says nothing. */
  freeze(): void;
}

const PROGRAMS = ['dbus-daemon', 'dbus-send', 'gnome-keyring-daemon'];

/** Why no secret service can be started here; `undefined` where one can. */
export function whyNoSecretService(): string | undefined {
  if (process.platform !== 'linux') return 'a secret service is a thing of Linux';
  const missing = PROGRAMS.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
  return missing.length > 0 ? `${missing.join(', ')} not installed` : undefined;
}

/** A bus on which nothing starts by itself, so that only what the test started is on it. */
export async function startBus(): Promise<{ readonly dir: string; readonly env: Readonly<Record<string, string>> }> {
  const dir = tempDir('midswap-bus');
  const run = join(dir, 'run');
  mkdirSync(run);
  chmodSync(run, 0o700);
  const address = `unix:path=${join(dir, 'bus')}`;
  writeFileSync(
    join(dir, 'bus.conf'),
    `<busconfig><type>session</type><listen>${address}</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>\n`,
  );
  const env = { DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: run };
  start(['dbus-daemon', `--config-file=${join(dir, 'bus.conf')}`, '--nofork', '--nopidfile'], { ...env, HOME: dir });
  await until(
    'the bus answers',
    () => send(env, 'org.freedesktop.DBus', '/', 'org.freedesktop.DBus.GetId') !== undefined,
  );
  return { dir, env };
}

export async function startSecretService(): Promise<SecretService> {
  const { dir, env } = await startBus();
  const keyring = start(['gnome-keyring-daemon', '--foreground', '--unlock', '--components=secrets'], {
    ...env,
    HOME: dir,
  });
  keyring.stdin?.end('a password');
  const ask = (method: string, ...args: string[]) =>
    send(env, 'org.freedesktop.secrets', '/org/freedesktop/secrets', `org.freedesktop.Secret.Service.${method}`, args);
  await until('the keyring is open', () => ask('ReadAlias', 'string:default')?.includes('/collection/') ?? false);
  return {
    env,
    lock: () => {
      const done = ask('Lock', 'array:objpath:/org/freedesktop/secrets/collection/login');
      if (!done?.includes('/collection/login')) throw new Error(`not locked: ${done}`);
    },
    freeze: () => keyring.kill('SIGSTOP'),
  };
}

function start([program = '', ...args]: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return child;
}

/** The answer to a method call; `undefined` where there is none. */
function send(
  env: Readonly<Record<string, string>>,
  name: string,
  path: string,
  method: string,
  args: readonly string[] = [],
): string | undefined {
  const call = ['--session', '--print-reply', '--reply-timeout=2000', `--dest=${name}`, path, method, ...args];
  const { status, stdout } = spawnSync('dbus-send', call, {
    env: { PATH: process.env.PATH ?? '', ...env },
    encoding: 'utf8',
  });
  return status === 0 ? stdout : undefined;
}
