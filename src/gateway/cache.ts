import { createHash, randomBytes } from 'node:crypto';
import type { RequestFacts } from '../core/facts.ts';
import { type Span, skimObject } from '../core/json-skim.ts';
import type { Envelope } from '../core/messages.ts';
import type { CacheSettings } from '../core/snapshot.ts';
import type { Target } from '../core/target.ts';
import {
  type CachedAnswer,
  type CacheStats,
  cacheKey,
  createResponseCache,
  isDeterministic,
  type ResponseCache,
} from '../policy/response-cache.ts';
import type { IsToken } from './credential.ts';
import { credentialHeaders } from './credential.ts';
import type { Reply } from './reply.ts';

/** Header by which a request asks for the cache (`on`) or keeps out of it (`off`), and an answer says that it is kept
 * (`hit`). */
export const CACHE_HEADER = 'x-midswap-cache';
/** Headers of the client that change what the answer is. */
const VARIANT = ['anthropic-beta', 'anthropic-version'];
const STREAM_TYPE = 'text/event-stream; charset=utf-8';
const OFF: CacheStats = { enabled: false, entries: 0, bytes: 0, hits: 0, misses: 0, stored: 0 };

/** The kept answers of one gateway. Made when the first request may use them; another configuration begins anew. */
export class AnswerStore {
  #settings: CacheSettings | undefined;
  #cache: Promise<ResponseCache> | undefined;
  #made: ResponseCache | undefined;
  /** No key of a provider can be guessed from a key of an answer. */
  readonly #salt = randomBytes(32);

  /** What this exchange may do with kept answers; `undefined` where it has no part in them. */
  async open(
    settings: CacheSettings,
    envelope: Envelope,
    facts: RequestFacts,
    gateway: { readonly isToken: IsToken },
  ): Promise<Keeping | undefined> {
    const wish = cacheWish(envelope);
    if (facts.class === 'classifier' || facts.class === 'count_tokens' || wish === 'off') return undefined;
    if (wish !== 'on' && !envelope.spans.has('temperature')) return undefined;
    if (!isDeterministic(envelope.body(), wish === 'on')) return undefined;
    const cache = await this.#cacheFor(settings);
    const keyOf = (target: Target) => {
      const credential = identityOf(target, envelope, gateway.isToken, this.#salt);
      return credential === undefined ? undefined : questionKey(envelope, target, credential);
    };
    return new Keeping(cache, settings, envelope.stream, keyOf);
  }

  get stats(): CacheStats {
    return this.#made?.stats ?? OFF;
  }

  /** How many answers there were. */
  clear(): number {
    return this.#made?.clear() ?? 0;
  }

  #cacheFor(settings: CacheSettings): Promise<ResponseCache> {
    if (this.#settings !== settings || !this.#cache) {
      this.#settings = settings;
      this.#cache = createResponseCache({ ...settings, nowMs: () => performance.now() }).then((cache) => {
        if (this.#settings === settings) this.#made = cache;
        return cache;
      });
    }
    return this.#cache;
  }
}

/** Who asks, without telling the credential; `undefined` where there is none to ask with. */
export function identityOf(target: Target, envelope: Envelope, isToken: IsToken, salt: Buffer): string | undefined {
  const { credential } = target;
  const hash = createHash('sha256').update(salt).update(credential.kind);
  if (credential.kind === 'keys') for (const key of credential.keys) hash.update(`\n${key.reveal()}`);
  if (credential.kind === 'client') {
    const login = credentialHeaders(target, envelope.headers, isToken);
    if ('fault' in login) return undefined;
    hash.update(`\n${login.headers.join('\n')}`);
  }
  return credential.kind === 'missing' ? undefined : hash.digest('hex');
}

/** One exchange's dealings with the kept answers. */
export class Keeping {
  readonly #cache: ResponseCache;
  readonly #stream: boolean;
  readonly #maxBytes: number;
  readonly #keyOf: (target: Target) => string | undefined;
  #sent: Buffer[] | undefined;
  #bytes = 0;

  constructor(
    cache: ResponseCache,
    settings: CacheSettings,
    stream: boolean,
    keyOf: (target: Target) => string | undefined,
  ) {
    this.#cache = cache;
    this.#maxBytes = settings.maxBytes;
    this.#stream = stream;
    this.#keyOf = keyOf;
  }

  /** Gives the kept answer of this target, under a message id of its own. False when there is none: then what is sent
   * instead is listened to. */
  replay(target: Target, reply: Reply, routeHeaders: readonly string[], messageId: string): boolean {
    const key = this.#keyOf(target);
    const answer = key === undefined ? undefined : this.#cache.find(key);
    if (!answer) {
      this.#listen(reply);
      return false;
    }
    const head = [
      'content-type',
      answer.contentType,
      'request-id',
      reply.requestId,
      ...routeHeaders,
      CACHE_HEADER,
      'hit',
    ];
    const body = Buffer.concat([answer.before, Buffer.from(messageId), answer.after]);
    if (answer.stream) {
      reply.begin([...head, 'cache-control', 'no-cache']);
      reply.end([body]);
    } else reply.send(200, head, body);
    return true;
  }

  /** Keeps what was sent. To be called when the answer of this target has been delivered to its end. */
  store(target: Target): void {
    const key = this.#keyOf(target);
    if (!this.#sent || key === undefined) return;
    const answer = cutAnswer(Buffer.concat(this.#sent), this.#stream);
    if (answer) this.#cache.store(key, answer);
  }

  #listen(reply: Reply): void {
    this.#sent = [];
    reply.tap = (bytes) => {
      if (!this.#sent) return;
      this.#bytes += bytes.length;
      // A chunk may be a piece of memory that is used again.
      if (this.#bytes <= this.#maxBytes) this.#sent.push(Buffer.from(bytes));
      else this.#sent = undefined;
    };
  }
}

function questionKey(envelope: Envelope, target: Target, credential: string): string {
  return cacheKey({ raw: envelope.raw, body: envelope.body(), ...circumstances(envelope, target), credential });
}

/** What beside the body makes an answer another one. */
export function circumstances(envelope: Envelope, target: Target): { variant: string[]; target: string[] } {
  const { provider, endpoint, model, patches, thinking } = target;
  return {
    variant: [envelope.path, ...VARIANT.map((name) => headerOf(envelope, name) ?? '')],
    target: [provider, endpoint.protocol, endpoint.baseUrl, model ?? '', String(thinking ?? ''), ...patches],
  };
}

/** What the request says of kept answers: `on`, `off` or nothing. */
export function cacheWish(envelope: Envelope): string | undefined {
  return headerOf(envelope, CACHE_HEADER)?.trim().toLowerCase();
}

/** The answer cut at its message id; `undefined` when it has none, or holds calls: their ids must never occur twice. */
export function cutAnswer(sent: Buffer, stream: boolean): CachedAnswer | undefined {
  if (sent.includes('"tool_use"') || sent.includes('_tool_use"')) return undefined;
  const id = stream ? streamId(sent) : idIn(sent, 0, sent.length);
  if (!id) return undefined;
  return {
    stream,
    before: sent.subarray(0, id[0] + 1),
    after: sent.subarray(id[1] - 1),
    contentType: stream ? STREAM_TYPE : 'application/json',
  };
}

/** Span of the id in `message_start`, quotation marks included. */
function streamId(sent: Buffer): Span | undefined {
  const name = sent.indexOf('"message_start"');
  if (name === -1) return undefined;
  const start = sent.lastIndexOf('{', name);
  const end = sent.indexOf('\n', name);
  if (start === -1 || end === -1) return undefined;
  const event = sent.subarray(start, end);
  const message = skimObject(event)?.get('message');
  return message && idIn(sent, start + message[0], start + message[1]);
}

function idIn(sent: Buffer, start: number, end: number): Span | undefined {
  const id = skimObject(sent.subarray(start, end))?.get('id');
  return id && sent[start + id[0]] === 0x22 ? [start + id[0], start + id[1]] : undefined;
}

function headerOf({ headers }: Envelope, lowerName: string): string | undefined {
  for (let at = 0; at + 1 < headers.length; at += 2)
    if (headers[at]?.toLowerCase() === lowerName) return headers[at + 1];
  return undefined;
}
