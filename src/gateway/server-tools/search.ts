import type { SearchEngine, WebSearch } from '../../core/snapshot.ts';
import { type BoundedAnswer, boundedRequest } from './bounded-request.ts';
import { type DomainRules, isDomainAllowed } from './domains.ts';
import { plainText } from './plain-text.ts';
import { isToolFault, type ToolFault, toolFault } from './tool-fault.ts';

export interface SearchHit {
  readonly url: string;
  readonly title: string;
  /** What the engine shows of the page, as plain text. */
  readonly excerpt: string;
  /** Date of the page or its age, in the engine's words. */
  readonly age: string | undefined;
}

const MAX_QUERY_LENGTH = 400;
const MAX_ANSWER_BYTES = 4 << 20;
const MAX_EXCERPT_LENGTH = 1_500;

interface Question {
  readonly query: string;
  readonly count: number;
  readonly allowed: readonly string[];
  readonly blocked: readonly string[];
  readonly key: string;
}

interface EngineRequest {
  /** Below the base URL, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface EngineEntry {
  ask(question: Question): EngineRequest;
  read(body: string): readonly Partial<Record<keyof SearchHit, unknown>>[];
}

/**
 * The engines. Sources: docs.searxng.org/dev/search_api.html, api-dashboard.search.brave.com/documentation,
 * docs.tavily.com/documentation/api-reference, docs.exa.ai/reference/search; DuckDuckGo's page without scripts has no
 * documentation and may change.
 */
const ENGINES: Readonly<Record<SearchEngine, EngineEntry>> = {
  searxng: {
    ask: (question) => ({ path: `/search?${new URLSearchParams({ q: withSites(question), format: 'json' })}` }),
    read: (body) =>
      listAt(JSON.parse(body), 'results').map(({ url, title, content, publishedDate }) => ({
        url,
        title,
        excerpt: content,
        age: publishedDate,
      })),
  },
  brave: {
    ask: (question) => ({
      path: `/res/v1/web/search?${new URLSearchParams({ q: withSites(question), count: String(question.count) })}`,
      headers: { 'x-subscription-token': question.key },
    }),
    read: (body) =>
      listAt((JSON.parse(body) as { web?: unknown }).web, 'results').map(
        ({ url, title, description, page_age, age }) => ({
          url,
          title,
          excerpt: description,
          age: age ?? page_age,
        }),
      ),
  },
  tavily: {
    ask: ({ query, count, allowed, blocked, key }) => ({
      path: '/search',
      headers: { authorization: `Bearer ${key}` },
      body: {
        query,
        max_results: count,
        ...(allowed.length > 0 ? { include_domains: allowed } : {}),
        ...(blocked.length > 0 ? { exclude_domains: blocked } : {}),
      },
    }),
    read: (body) =>
      listAt(JSON.parse(body), 'results').map(({ url, title, content, published_date }) => ({
        url,
        title,
        excerpt: content,
        age: published_date,
      })),
  },
  exa: {
    ask: ({ query, count, allowed, blocked, key }) => ({
      path: '/search',
      headers: { 'x-api-key': key },
      body: {
        query,
        numResults: count,
        contents: { text: { maxCharacters: MAX_EXCERPT_LENGTH } },
        ...(allowed.length > 0 ? { includeDomains: allowed } : {}),
        ...(blocked.length > 0 ? { excludeDomains: blocked } : {}),
      },
    }),
    read: (body) =>
      listAt(JSON.parse(body), 'results').map(({ url, title, text, publishedDate }) => ({
        url,
        title,
        excerpt: text,
        age: publishedDate,
      })),
  },
  duckduckgo: {
    ask: (question) => ({ path: `/html/?${new URLSearchParams({ q: withSites(question) })}` }),
    read: duckResults,
  },
};

/** One search. Never rejects. */
export async function search(
  query: string,
  settings: WebSearch,
  domains: DomainRules,
  signal: AbortSignal,
  userAgent: string,
): Promise<readonly SearchHit[] | ToolFault> {
  if (query.trim() === '') return toolFault('invalid_tool_input', 'the query is empty');
  if (query.length > MAX_QUERY_LENGTH)
    return toolFault('query_too_long', `a query has at most ${MAX_QUERY_LENGTH} characters`);
  const { engine, baseUrl, key, maxResults, timeoutMs, proxy } = settings;
  const { path, headers, body } = ENGINES[engine].ask({
    query,
    count: maxResults,
    allowed: domains.allowed.find((list) => list.length > 0) ?? [],
    blocked: domains.blocked,
    key: key?.reveal() ?? '',
  });
  const answer = await boundedRequest({
    url: new URL(`${baseUrl}${path}`),
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      accept: 'application/json, text/html',
      'user-agent': userAgent,
      ...headers,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    maxBytes: MAX_ANSWER_BYTES,
    ...(proxy && { proxy }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  if (isToolFault(answer)) return toolFault('unavailable', `the search failed: ${answer.message}`);
  const fault = faultOf(answer, engine);
  if (fault) return fault;
  try {
    const found = ENGINES[engine].read(answer.body.toString('utf8')).flatMap(hitOf);
    return found.filter(({ url }) => isDomainAllowed(new URL(url), domains)).slice(0, maxResults);
  } catch {
    return toolFault('unavailable', 'the search engine gave something that cannot be read');
  }
}

function faultOf({ status }: BoundedAnswer, engine: SearchEngine): ToolFault | undefined {
  if (status === 200) return undefined;
  // DuckDuckGo answers 202 with a puzzle for people when it is asked too often.
  if (status === 429 || status === 202) return toolFault('too_many_requests', 'the search engine wants a pause');
  const hint = engine === 'searxng' && status === 403 ? '; is "json" among its search formats?' : '';
  return toolFault('unavailable', `the search engine answered ${status}${hint}`);
}

/** Domains as words of the query, for engines that have no field for them. What they bring is filtered all the same. */
function withSites({ query, allowed, blocked }: Question): string {
  const only = allowed.map((domain) => `site:${domain}`).join(' OR ');
  const without = blocked.map((domain) => `-site:${domain}`).join(' ');
  return [query, allowed.length > 1 ? `(${only})` : only, without].filter((part) => part !== '').join(' ');
}

function listAt(value: unknown, name: string): Record<string, unknown>[] {
  const list = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  if (!Array.isArray(list)) return [];
  return list.filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null);
}

function hitOf({ url, title, excerpt, age }: Partial<Record<keyof SearchHit, unknown>>): SearchHit[] {
  const parsed = typeof url === 'string' ? URL.parse(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return [];
  const text = (value: unknown) => (typeof value === 'string' ? plainText(value) : '');
  return [
    {
      url: parsed.href,
      title: text(title) || parsed.hostname,
      excerpt: text(excerpt).slice(0, MAX_EXCERPT_LENGTH),
      age: typeof age === 'string' && age !== '' ? age.slice(0, 100) : undefined,
    },
  ];
}

const RESULT_LINK = 'class="result__a"';
const RESULT_TEXT = 'class="result__snippet"';

/** Results of DuckDuckGo's page without scripts. Links lead through a redirect that holds the true one. */
function duckResults(html: string): Partial<Record<keyof SearchHit, unknown>>[] {
  const places: number[] = [];
  for (let at = html.indexOf(RESULT_LINK); at !== -1; at = html.indexOf(RESULT_LINK, at + 1)) places.push(at);
  return places.flatMap((place, i) => {
    const part = html.slice(Math.max(0, html.lastIndexOf('<', place)), places[i + 1] ?? html.length);
    const link = element(part, RESULT_LINK);
    const href = /\bhref="([^"]*)"/.exec(link.tag)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const url = URL.parse(href, 'https://duckduckgo.com/');
    // Advertisements lead to `y.js`.
    if (url === null || url.pathname.endsWith('/y.js')) return [];
    return [
      { url: url.searchParams.get('uddg') ?? url.href, title: link.inner, excerpt: element(part, RESULT_TEXT).inner },
    ];
  });
}

/** Start tag and content of the link that has an attribute. */
function element(html: string, attribute: string): { tag: string; inner: string } {
  const place = html.indexOf(attribute);
  if (place === -1) return { tag: '', inner: '' };
  const start = html.lastIndexOf('<', place);
  const open = html.indexOf('>', place);
  const end = html.indexOf('</a>', open);
  return { tag: html.slice(start, open), inner: end === -1 ? '' : html.slice(open + 1, end) };
}
