#!/usr/bin/env node
import { join } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import manifest from '../package.json' with { type: 'json' };
import type {
  App,
  ConfigEdit,
  Configuration,
  ExplainOptions,
  Explanation,
  LaunchOptions,
  ServeOptions,
} from './cli/app.ts';
import type { Output } from './cli/output.ts';
import type { LoadOptions } from './config/load.ts';
import type { OpenConfiguration } from './config/open-configuration.ts';
import type { Machine } from './config/paths.ts';
import type { HostedGateway } from './control/host.ts';
import type { ResolveReference } from './control/sessions.ts';
import type { Trial } from './control/trial.ts';
import { MidswapError } from './core/errors.ts';
import { FAMILY_SLOTS, type Slot } from './core/slot.ts';
import type { DemoClient } from './demo/client.ts';

// The composition root: the only place that knows every layer. What a command does not need is not loaded, because
// the status line, hooks and shims start a process each time.

/** How long running exchanges may take to end when their gateway does. */
const DRAIN_MS = 5_000;
/** The first moments belong to the client's own start. */
const WATCH_AFTER_MS = 500;
const LOOPBACK = '127.0.0.1';
/** Of Bun alone (docs/adr/0010): how many more runs than usual it waits until it compiles code. */
const { unsafe: bun } = (globalThis as { Bun?: { unsafe?: { setJITPolicy?(scale: number): void } } }).Bun ?? {};
/** Makes this program a reader of one page; see `gateway/server-tools/page-reader.ts`. */
const PAGE_READER = '__read-page';
/** Makes this program the one that asks the keychain; see `config/keychain-process.ts`. */
const KEYCHAIN = '__keychain';

/** Told of every fault that nobody caught. A gateway that serves replaces it: a session outlives a fault. */
let onFault = (thrown: unknown): void => {
  void import('./cli/output.ts').then(({ errorLine }) => {
    process.stderr.write(`${errorLine(thrown)}\n`, () => process.exit(70));
  });
};

/** Says what is waited for. Once the client has the terminal nothing may be written to it. */
let onWait = (line: string): unknown => process.stderr.write(`${line}\n`);

/** The streams of this process. The runtime makes each when it is first looked at, and a launch needs none. */
const streams = {
  get in() {
    return process.stdin;
  },
  get out() {
    if (!process.stdout.listeners('error').includes(onOutputError)) process.stdout.on('error', onOutputError);
    return process.stdout;
  },
  get err() {
    return process.stderr;
  },
};

const argv = ownArguments();
if (argv.length === 1 && (argv[0] === 'version' || argv[0] === '--version')) {
  process.stdout.write(`${manifest.version}\n`);
} else if (argv.length === 1 && argv[0] === PAGE_READER) {
  await (await import('./gateway/server-tools/page-reader.ts')).servePage(process.stdin, process.stdout);
} else if (argv.length === 1 && argv[0] === KEYCHAIN) {
  await (await import('./config/keychain-process.ts')).serveKeychain(process.stdin, process.stdout);
} else {
  await main();
}

async function main(): Promise<void> {
  process.on('uncaughtException', (thrown) => onFault(thrown));
  process.on('unhandledRejection', (thrown) => onFault(thrown));
  const [{ run }, app] = await Promise.all([import('./cli/index.ts'), createApp()]);
  const code = await run(app, argv);
  // What is written must be out before the end, and nothing that idles may hold it up.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}

/** Whoever reads our output may go at any time: `midswap sessions | head -1`. */
function onOutputError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  onFault(error);
}

/** The arguments of the user. A binary that is called `mclaude` is `midswap claude`. */
function ownArguments(): string[] {
  const given = process.argv.slice(2);
  return /(^|[\\/])mclaude(\.exe)?$/i.test(process.argv0) ? ['claude', ...given] : given;
}

/** The command line that runs this program: the compiled file, or the runtime with the script. */
function selfCommand(): [string, ...string[]] {
  // Inside the compiled file the sources have a root of their own, which no other process can open.
  const compiled = /\$bunfs|~BUN/.test(import.meta.url);
  return compiled ? [process.execPath] : [process.execPath, fileURLToPath(import.meta.url)];
}

async function createApp(): Promise<App> {
  const [{ readMachine }, { withKeychain }, { configPaths }] = await Promise.all([
    import('./config/environment.ts'),
    import('./config/keychain-opener.ts'),
    import('./config/paths.ts'),
  ]);
  const machine = withKeychain(readMachine(), [...selfCommand(), KEYCHAIN], (line) => onWait(line));
  const stateDir = () => configPaths(machine).stateDir;
  const wiring: Wiring = {
    machine,
    stateDir,
    client: () => ({
      parentEnv: machine.env,
      cwd: machine.cwd,
      home: machine.home,
      self: selfCommand(),
      runtimeRoot: join(stateDir(), 'run'),
    }),
  };
  return {
    version: manifest.version,
    machine,
    streams,
    stateDir,
    configuration: (file) => readConfiguration(wiring, file === undefined ? {} : { configFile: file }),
    configFaults: async (thrown) => {
      const { faultsOf, faultText } = await import('./config/faults.ts');
      return faultsOf(thrown).map(faultText);
    },
    configFiles: async () => {
      const { configFile, secretsFile, envFile } = configPaths(machine);
      return { config: configFile, secrets: secretsFile, env: envFile, state: stateDir() };
    },
    ensureConfig: async () =>
      (await import('./config/edit.ts')).ensureConfig(configPaths(machine).configFile, machine.platform),
    keyStore: async () => (await import('./config/key-store.ts')).openKeyStore(machine, machine.keychain),
    clientLogin: async () =>
      (await import('./launcher/login.ts')).findLogin(machine.env, machine.home, machine.platform),
    planChange: (change, variables) => planOwnChange(wiring, change, variables),
    readShared: async (file, text) => (await import('./config/profile-share.ts')).readShared(file, text),
    planImport: async (options) => (await import('./config/import/index.ts')).planImport({ ...machine, ...options }),
    importable: async () => (await import('./config/import/index.ts')).RIVALS,
    trial: (configuration, reference) => tryOnce(configuration, reference),
    updateModels: async (text, source) =>
      (await import('./config/model-table.ts')).updateModelTable(stateDir(), text, source),
    originOf,
    configSchema: async () => (await import('./config/json-schema.ts')).configJsonSchema(),
    isPlainCommand: async (args) => (await import('./launcher/claude-arguments.ts')).isPlainCommand(args),
    runPlainClient: async (args) => (await import('./launcher/launch.ts')).runPlainClaude({ args, ...wiring.client() }),
    launch: (options) => launch(wiring, options),
    serve: (options) => serve(wiring, options),
    demo: (out) => demo(wiring, out),
    drill: async (print) => {
      const [{ drillConfiguration }, { describeDrill }] = await Promise.all([
        import('./drill/run.ts'),
        import('./drill/drill.ts'),
      ]);
      const { snapshot } = await readConfiguration(wiring);
      const results = await drillConfiguration(snapshot, manifest.version, print);
      return { results, verdict: describeDrill(results) };
    },
    explain: (options) => explain(wiring, options),
    pluginPath: () => writePluginOutside(wiring),
    findClient: () => findClient(wiring),
  };
}

/** What the parts below share. */
interface Wiring {
  readonly machine: Machine & Pick<LoadOptions, 'keychain'> & { readonly cwd: string };
  stateDir(): string;
  client(): {
    readonly parentEnv: Machine['env'];
    readonly cwd: string;
    readonly home: string;
    readonly self: [string, ...string[]];
    readonly runtimeRoot: string;
  };
}

async function readConfiguration({ machine }: Wiring, more: Partial<LoadOptions> = {}): Promise<OpenConfiguration> {
  return (await import('./config/open-configuration.ts')).openConfiguration({ ...machine, ...more });
}

/** A change of the user's file with what it comes to. Variables are as if they were set. */
async function planOwnChange({ machine }: Wiring, change: (edit: ConfigEdit) => void, variables: Machine['env'] = {}) {
  const { planChange } = await import('./config/planned-change.ts');
  return planChange({ ...machine, env: { ...machine.env, ...variables } }, change);
}

/** Where an endpoint is: that of the built-in provider is started for whoever asks. */
async function originOf(baseUrl: string): Promise<string> {
  const { BUILT_IN_HOST } = await import('./gateway/gateway.ts');
  const url = new URL(baseUrl);
  return url.hostname === BUILT_IN_HOST ? `${(await startSandbox()).origin}${url.pathname}` : baseUrl;
}

/** One small request through a gateway of its own. */
async function tryOnce(configuration: Configuration, given: string): Promise<Trial> {
  const [{ tryReference }, { CLAUDE_SLOT_MODELS }, resolve] = await Promise.all([
    import('./control/trial.ts'),
    import('./catalogue/claude.ts'),
    resolver(),
  ]);
  const { snapshot } = configuration;
  const { reference, target } = resolve(snapshot, given);
  if (target('sonnet').credential.kind === 'client') {
    throw new MidswapError('no_credential', `${reference} uses your own Claude login, which only Claude Code has`, {
      hint: `Test it with: midswap ${reference} -p "say ready"`,
    });
  }
  const sandboxOrigin = async () => (await startSandbox()).origin;
  return tryReference({
    snapshot,
    reference,
    model: CLAUDE_SLOT_MODELS.sonnet,
    version: manifest.version,
    sandboxOrigin,
  });
}

async function launch(wiring: Wiring, options: LaunchOptions): Promise<number> {
  const [launcher, { findClaude }, { findLogin }, { declareSession, mainTarget }, { CLAUDE_SLOT_MODELS }] =
    await Promise.all([
      import('./launcher/launch.ts'),
      import('./launcher/find-claude.ts'),
      import('./launcher/login.ts'),
      import('./cli/declarations.ts'),
      import('./catalogue/claude.ts'),
    ]);
  const { env, home, platform, cwd } = wiring.machine;
  const client = wiring.client();
  const configuration = options.configuration as OpenConfiguration;
  const { snapshot } = configuration;
  const resolve = await resolver();
  const wanted = options.reference ?? snapshot.settings.defaultProfile;
  if (wanted === undefined) {
    throw new MidswapError('usage', 'no profile is named and the configuration has no default_profile', {
      hint: 'See: midswap PROFILE; see: midswap profile list',
    });
  }
  const { reference, target } = resolve(snapshot, wanted);
  const claude = findClaude({ ...client, env, platform });
  for (const warning of configuration.warnings) process.stderr.write(`midswap: ${warning}\n`);
  const dynamic = options.dynamic ?? snapshot.settings.alwaysDynamic;
  const hosted = await startLaunchGateway(wiring, configuration, options.port);
  onFault = (thrown) => recordFault(wiring.stateDir(), thrown);
  onWait = () => undefined;
  try {
    const session = hosted.openSession({ reference, dynamic, cwd, label: reference });
    return await launcher.launch({
      ...client,
      claude,
      args: options.args,
      version: manifest.version,
      session: {
        id: session.id,
        url: hosted.baseUrl(session),
        dynamic,
        ...declareSession({
          snapshot,
          target,
          dynamic,
          hasLogin: findLogin(env, home, platform).found,
          familyModels: CLAUDE_SLOT_MODELS,
        }),
      },
      startLine: { profile: reference, port: hosted.port, ...mainTarget(target) },
      sensitiveVariables: configuration.sensitiveVariables(),
      hook: {
        url: hosted.promptHookUrl(session),
        token: session.controlSecret.reveal(),
      },
      ownGateway: true,
      onSpawn: (pid) => hosted.setPid(session, pid),
    });
  } finally {
    await hosted.end(DRAIN_MS);
  }
}

async function serve(wiring: Wiring, { out, host, port, config }: ServeOptions): Promise<number> {
  const { errorLine } = await import('./cli/output.ts');
  const configuration = await readConfiguration(wiring, config === undefined ? {} : { configFile: config });
  const { settings } = configuration.snapshot;
  for (const warning of configuration.warnings) out.note(`midswap: ${warning}`);
  const resolve = await resolver();
  const { reference } = resolve(configuration.snapshot, settings.defaultProfile ?? '');
  const hosted = await startGateway(wiring, configuration, host ?? settings.host, port ?? settings.port, true);
  const session = hosted.openSession({ reference, dynamic: true, cwd: wiring.machine.cwd, label: reference });
  const ended = endOfService();
  onFault = (thrown) => out.note(errorLine(thrown));
  hosted.bus.subscribe((event) => {
    if (event.type === 'config.refused') out.note(`midswap: the configuration stays as it was: ${event.message}`);
  });
  if (out.json) {
    out.line(
      JSON.stringify({ host: hosted.host, port: hosted.port, session: session.id, baseUrl: hosted.baseUrl(session) }),
    );
  } else {
    out.line(`midswap: gateway on ${hosted.host}:${hosted.port}, profile "${reference}", session ${session.id}`);
    // The secret in it is for a person or a program that asks, not for the journal of a service.
    if (isatty(1)) out.line(`ANTHROPIC_BASE_URL=${hosted.baseUrl(session)}`);
  }
  await ended;
  await hosted.end(DRAIN_MS);
  return 0;
}

/** The gateway of one launch. Its configured port is a wish, since several sessions may run; a given one is not. */
async function startLaunchGateway(
  wiring: Wiring,
  configuration: OpenConfiguration,
  port: number | undefined,
): Promise<HostedGateway> {
  const wish = port ?? configuration.snapshot.settings.port;
  try {
    return await startGateway(wiring, configuration, LOOPBACK, wish);
  } catch (thrown) {
    const isTaken = thrown instanceof MidswapError && thrown.code === 'port_taken';
    if (!isTaken || port !== undefined || wish === 0) throw thrown;
    return startGateway(wiring, configuration, LOOPBACK, 0);
  }
}

/** A gateway that follows its configuration and keeps its faults to itself. */
async function startGateway(
  wiring: Wiring,
  configuration: OpenConfiguration,
  host: string,
  port: number,
  served = false,
): Promise<HostedGateway> {
  const [{ hostGateway }, resolve] = await Promise.all([import('./control/host.ts'), resolver()]);
  let sandbox: ReturnType<typeof startSandbox> | undefined;
  const hosted = await hostGateway(
    {
      snapshot: configuration.snapshot,
      resolve,
      stateDir: wiring.stateDir(),
      version: manifest.version,
      served,
      sandboxOrigin: async () => {
        sandbox ??= startSandbox();
        return (await sandbox).origin;
      },
      webAccess: { pageReader: [...selfCommand(), PAGE_READER] },
      // There in the compiled file, which is built with `--expose-gc`.
      collect: globalThis.gc && (() => void globalThis.gc?.()),
      compileSooner: bun?.setJITPolicy && (() => bun.setJITPolicy?.(1)),
      onInternalError: (thrown) => onFault(thrown),
      onUpstreamFault: ({ message }) => onFault(new MidswapError('upstream_failed', message)),
      stopClient: ({ pid }) => {
        if (pid !== undefined) process.kill(pid, 'SIGTERM');
      },
    },
    host,
    port,
  );
  const follow = setTimeout(() => void followConfiguration(configuration, hosted), WATCH_AFTER_MS);
  follow.unref();
  return hosted;
}

async function startSandbox() {
  return (await import('./sandbox/server.ts')).startSandbox();
}

/** Hot reload: a good configuration is swapped in whole, a bad one is told of and changes nothing. */
async function followConfiguration(configuration: OpenConfiguration, hosted: HostedGateway): Promise<void> {
  const { watchConfig } = await import('./config/watch.ts');
  watchConfig({
    initial: configuration.loaded,
    load: configuration.reload,
    onSnapshot: ({ snapshot }) => hosted.reload(snapshot),
    onRefused: ({ message }) => hosted.refuse(message),
  });
}

/** A fault of midswap itself while sessions run: the terminal is the client's, so it is written down instead. */
function recordFault(stateDir: string, thrown: unknown): void {
  void Promise.all([import('node:fs'), import('./cli/output.ts')]).then(([{ appendFileSync }, { errorLine }]) => {
    try {
      const line = `${new Date().toISOString()} ${errorLine(thrown)}\n`;
      appendFileSync(join(stateDir, 'faults.log'), line, { mode: 0o600 });
    } catch {
      // Nowhere to write it, and nobody to tell: the session matters more.
    }
  });
}

/** Routing's reference grammar in the control plane's terms. */
async function resolver(): Promise<ResolveReference> {
  const { resolveReference, targetIn } = await import('./routing/reference.ts');
  return (snapshot, text) => {
    const reference = resolveReference(snapshot, text);
    const isFamily = (slot: Slot) => (FAMILY_SLOTS as readonly Slot[]).includes(slot);
    return {
      reference: reference.label,
      extraSlots: (Object.keys(reference.slots) as Slot[]).filter((slot) => !isFamily(slot)),
      target: (slot) => targetIn(reference, [slot]).target,
    };
  };
}

/** Resolves when the process is told to end. */
function endOfService(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
}

async function explain(wiring: Wiring, { reference, model, request }: ExplainOptions): Promise<Explanation> {
  const [envelopes, { classify }, { makePlan }, { explainPlan }, { readPromptChoice }, { CLAUDE_SLOT_MODELS }] =
    await Promise.all([
      import('./protocols/anthropic/envelope.ts'),
      import('./routing/classify.ts'),
      import('./routing/plan.ts'),
      import('./routing/explain.ts'),
      import('./routing/prompt-choice.ts'),
      import('./catalogue/claude.ts'),
    ]);
  const { readEnvelope, spliceModel } = envelopes;
  const { snapshot, modelRecord } = await readConfiguration(wiring);
  const path = '/v1/messages?beta=true';
  const sample = { model: CLAUDE_SLOT_MODELS.sonnet, max_tokens: 1024, messages: [{ role: 'user', content: 'Hello' }] };
  const given = readEnvelope(Buffer.from(request ?? JSON.stringify(sample)), path, []);
  const envelope = model === undefined ? given : readEnvelope(Buffer.concat(spliceModel(given, model)), path, []);
  const facts = classify({ headers: [], envelope, session: 'explain' });
  const selected = reference ?? snapshot.settings.defaultProfile ?? '';
  const prompt = facts.class === 'main' ? readPromptChoice(snapshot, envelope) : undefined;
  const plan = makePlan(snapshot, { reference: selected, slots: {}, sinceMs: 0 }, facts, prompt);
  const { lines, json } = explainPlan(plan, facts, (provider, name) => modelRecord(provider, name).price?.input);
  return { lines, data: json };
}

/** The plugin for clients that midswap does not start: its hook finds the session by the environment. */
async function writePluginOutside(wiring: Wiring): Promise<string> {
  const [{ writePlugin }, { shellCommand }] = await Promise.all([
    import('./launcher/plugin.ts'),
    import('./launcher/shell-quote.ts'),
  ]);
  const dir = join(wiring.stateDir(), 'plugin');
  const command = shellCommand([...selfCommand(), 'hook', 'prompt']);
  writePlugin(dir, { hook: { kind: 'command', command }, version: manifest.version });
  return dir;
}

async function findClient({ machine, client }: Wiring) {
  const { findClaude, readVersion } = await import('./launcher/find-claude.ts');
  const path = findClaude({ ...client(), env: machine.env, platform: machine.platform });
  return { path, version: await readVersion(path) };
}

/** The demo has a home of its own: it needs no configuration, touches none, and leaves nothing. */
async function demo(wiring: Wiring, out: Output): Promise<number> {
  const [{ mkdtempSync, rmSync }, { tmpdir }, { runDemo }, { startDemoClient }] = await Promise.all([
    import('node:fs'),
    import('node:os'),
    import('./demo/demo.ts'),
    import('./demo/start-client.ts'),
  ]);
  const home = mkdtempSync(join(tmpdir(), 'midswap-demo-'));
  const stateDir = join(home, 'state');
  const alone: Wiring = {
    ...wiring,
    stateDir: () => stateDir,
    machine: { ...wiring.machine, env: { MIDSWAP_HOME: home }, home, cwd: home },
  };
  let hosted: HostedGateway | undefined;
  let client: DemoClient | undefined;
  try {
    const configuration = await readConfiguration(alone);
    const running = await startGateway(alone, configuration, LOOPBACK, 0);
    hosted = running;
    const reference = 'sandbox:sandbox-swift';
    const session = running.openSession({ reference, dynamic: true, cwd: home, label: reference });
    const found = await findClient(wiring).catch(() => undefined);
    client = await startDemoClient(found, wiring.machine.env, running.baseUrl(session), home);
    const report = await runDemo({
      client,
      address: `${running.host}:${running.port}`,
      switchTo: async (to) => void running.use(session, { reference: to }),
      subscribe: (listener) => running.bus.subscribe(listener),
      print: (line) => (out.json ? undefined : out.line(line)),
    });
    if (out.json) out.data(report);
    return 0;
  } finally {
    await client?.close();
    await hosted?.end(0);
    rmSync(home, { recursive: true, force: true });
  }
}
