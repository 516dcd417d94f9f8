import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { asMidswapError, MidswapError } from '../core/errors.ts';
import type { Session } from '../gateway/session.ts';
import { type Caller, checkPlace, identify } from './auth.ts';
import { listAliases, listModels, listProfiles } from './choices.ts';
import {
  type CacheCleared,
  type Choices,
  CONTROL_PREFIX,
  type ErrorAnswer,
  type GatewayInfo,
  type StatuslineInfo,
  type UseAllResult,
  type WireError,
} from './contract.ts';
import { eventStream } from './events.ts';
import type { ControlOptions } from './options.ts';
import { answerPrompt } from './prompt.ts';
import { readHookInput, readUseRequest } from './requests.ts';
import { drainSession } from './stop.ts';
import { describeStatus } from './wording.ts';

interface Variables {
  caller: Caller;
}
interface Bindings {
  outgoing?: { on(event: 'close', listener: () => void): unknown };
}
export type ControlApp = Hono<{ Variables: Variables; Bindings: Bindings }>;

const MAX_BODY_BYTES = 1 << 20;
const STOP_TIMEOUT_MS = 10_000;
const MAX_STOP_TIMEOUT_MS = 60_000;

/** The control API as a Node listener. */
export function createListener(options: ControlOptions): ReturnType<typeof getRequestListener> {
  return getRequestListener(createControlApp(options).fetch, {
    overrideGlobalObjects: false,
    errorHandler: (thrown) => answerError(thrown),
  });
}

export function createControlApp(options: ControlOptions): ControlApp {
  const app: ControlApp = new Hono<{ Variables: Variables; Bindings: Bindings }>();
  const { sessions, control } = options;

  app.onError(answerError);
  app.notFound((c) => answerError(new MidswapError('not_found', `there is nothing at ${c.req.method} ${c.req.path}`)));

  app.use(async (c, next) => {
    const head = { header: (name: string) => c.req.header(name) };
    checkPlace(head, options.port());
    const caller = identify(head, options.token, sessions.list());
    confine(caller, c.req.path);
    c.set('caller', caller);
    if (c.req.method === 'POST' && !/^application\/json\s*(;|$)/i.test(c.req.header('content-type') ?? '')) {
      throw new MidswapError('unsupported_media_type', 'the body must be application/json');
    }
    await next();
    c.header('cache-control', 'no-store');
    c.header('x-content-type-options', 'nosniff');
  });

  const api = app.basePath(CONTROL_PREFIX);

  api.get('/gateway', (c) => {
    const now = options.nowMs();
    return c.json({
      gateway: options.gatewayId,
      version: options.version,
      pid: process.pid,
      host: options.host(),
      port: options.port(),
      startedAtMs: options.startedAtMs,
      uptimeMs: now - options.startedAtMs,
      active: options.active(),
      sessions: sessions.list().length,
      configVersion: options.snapshot().version,
      configFault: options.configFault() ?? null,
    } satisfies GatewayInfo);
  });
  api.get('/profiles', (c) => c.json(listProfiles(options.snapshot())));
  api.get('/aliases', (c) => c.json(listAliases(options.snapshot())));
  api.get('/models', (c) => c.json(listModels(options.snapshot())));
  api.get('/events', (c) => eventStream(c, options.bus, undefined));
  api.get('/admin/cache', (c) => c.json(options.cacheStats()));
  api.delete('/admin/cache', (c) => c.json({ cleared: options.clearCache() } satisfies CacheCleared));

  api.get('/sessions', (c) => c.json(sessions.list().map(control.describe)));
  api.post('/sessions/use-all', async (c) => {
    const request = readUseRequest(await readBody(c.req.raw));
    const results = sessions.list().map((session): UseAllResult['results'][number] => {
      try {
        return { session: session.id, ok: true, result: control.use(session, request) };
      } catch (thrown) {
        return { session: session.id, ok: false, error: wireError(asMidswapError(thrown)) };
      }
    });
    return c.json({ results } satisfies UseAllResult);
  });
  api.get('/sessions/:id', (c) => c.json(control.describe(sessionOf(options, c.req.param('id')))));
  api.get('/sessions/:id/choices', (c) =>
    c.json({
      session: control.describe(sessionOf(options, c.req.param('id'))),
      profiles: listProfiles(options.snapshot()),
      aliases: listAliases(options.snapshot()),
    } satisfies Choices),
  );
  api.post('/sessions/:id/use', async (c) => {
    const session = sessionOf(options, c.req.param('id'));
    return c.json(control.use(session, readUseRequest(await readBody(c.req.raw))));
  });
  api.delete('/sessions/:id', async (c) => {
    const session = sessionOf(options, c.req.param('id'));
    const cut = await drainSession(session, options.bus, stopTimeout(c.req.query('timeoutMs')));
    // The caller hears of it first: stopping a launched client ends this very process.
    const stop = () => options.stop(session);
    const { outgoing } = c.env ?? {};
    if (outgoing) outgoing.on('close', stop);
    else setImmediate(stop);
    return c.json({ session: session.id, cut });
  });
  api.get('/sessions/:id/events', (c) => eventStream(c, options.bus, sessionOf(options, c.req.param('id')).id));
  api.get('/sessions/:id/statusline', (c) => {
    const session = control.describe(sessionOf(options, c.req.param('id')));
    const refused = options.configFault() === undefined ? '' : ' · configuration refused, see: midswap config check';
    return c.json({ text: describeStatus(session) + refused, session } satisfies StatuslineInfo);
  });
  api.post('/sessions/:id/hook/prompt', async (c) => {
    const session = sessionOf(options, c.req.param('id'));
    const { prompt, agent } = readHookInput(await readBody(c.req.raw));
    if (agent) session.nameAgent(agent.id, agent.name);
    return c.json(prompt === undefined ? {} : answerPrompt(prompt, session, control, options.snapshot()));
  });
  return app;
}

/** The body as text, read no further than the limit, whatever its length was said to be. */
async function readBody(request: Request): Promise<string> {
  const tooLarge = () => new MidswapError('body_too_large', `the body is over ${MAX_BODY_BYTES} bytes`);
  if (Number(request.headers.get('content-length') ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A session's token opens that session's routes and nothing else, not even the answer that another id is unknown. */
function confine(caller: Caller, path: string): void {
  if (caller.kind === 'gateway') return;
  const own = `${CONTROL_PREFIX}/sessions/${caller.session.id}`;
  if (path === own || path.startsWith(`${own}/`)) return;
  throw new MidswapError('unauthorized', `this token is for session ${caller.session.id} only`);
}

function sessionOf({ sessions }: ControlOptions, id: string): Session {
  const session = sessions.get(id);
  if (session) return session;
  throw new MidswapError('unknown_session', `there is no session ${id.slice(0, 64)}`, {
    hint: 'See what runs with: midswap sessions',
  });
}

function stopTimeout(text: string | undefined): number {
  if (text === undefined) return STOP_TIMEOUT_MS;
  if (!/^\d{1,6}$/.test(text)) throw new MidswapError('invalid_request', 'timeoutMs: must be whole milliseconds');
  return Math.min(Number(text), MAX_STOP_TIMEOUT_MS);
}

function answerError(thrown: unknown): Response {
  const error = asMidswapError(thrown);
  const status = error.status as ContentfulStatusCode;
  return Response.json({ error: wireError(error) } satisfies ErrorAnswer, {
    status,
    headers: { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' },
  });
}

function wireError(error: MidswapError): WireError {
  return { code: error.code, message: error.message, hint: error.hint ?? null };
}
