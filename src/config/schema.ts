import { QUIRK_TABLE, type QuirkRow } from '../catalogue/quirks.ts';
import { SLOTS, type Slot } from '../core/slot.ts';
import { FALLBACK_REASONS } from '../policy/failure-rules.ts';
import {
  amount,
  choice,
  either,
  flag,
  type Key,
  key,
  keyWithDefault,
  later,
  list,
  names,
  neededKey,
  type Of,
  object,
  type Shape,
  type TypeOf,
  text,
  whole,
} from './shape.ts';

/** Words that name something else on the command line or in the client's picker. */
const RESERVED = ['claude'];
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Text without spaces and control characters: what models and references are made of. */
const TOKEN = /^[^\s\p{Cc}]{1,256}$/u;

const name = text([
  [NAME, 'is not a name: letters, digits, dots, dashes and underscores, 64 at most'],
  [(given) => !RESERVED.includes(given.toLowerCase()), 'is a word of the client and cannot be a name'],
]);
const reference = text([[TOKEN, 'is not a reference to a model: it is empty or holds spaces']]);
const modelName = text([[TOKEN, 'is not the name of a model: it is empty or holds spaces']]);
const milliseconds = whole(0, 86_400_000);

const webUrl = text([[isWebUrl, 'is not a base URL: http:// or https://, without user, password, query and fragment']]);
const proxyUrl = text([
  [
    (given) => /^(env|file|keychain):./.test(given) || isProxyUrl(given),
    'is not a proxy: http://, https:// or socks5://HOST:PORT, or a reference such as env:NAME',
  ],
]);

const authHeader = choice(['bearer', 'x-api-key', 'api-key']);
const keys = list(text([], { min: 1 }));
const protocol = choice(['anthropic-messages', 'openai-chat']);

const slotModels = forEachSlot((slot) => key(reference, `Model for the ${slot} slot.`));

const thinkingChoice = either(
  [choice(['on', 'off']), flag(), whole(1024, 1_000_000)],
  'must be on, off or a budget of at least 1024 tokens',
);

const thinking = object({
  ...forEachSlot(() => key(thinkingChoice)),
  default: key(thinkingChoice, 'For slots without a value of their own.'),
});

const fallbackOn = list(choice(Object.keys(FALLBACK_REASONS) as (keyof typeof FALLBACK_REASONS)[]));

const retry = object({
  limit: key(whole(0, 20), 'Repeats after the first try.'),
  base_ms: key(milliseconds, 'Ceiling of the first wait, which is at random; doubles with each repeat.'),
  max_ms: key(
    milliseconds,
    'Longest wait. An upstream that asks for a longer one is told to the client, which waits by itself.',
  ),
});

const breaker = object({
  failures: key(whole(1, 1_000), 'Failures in a row after which a model is left alone.'),
  window_ms: key(milliseconds, 'Time within which they count.'),
  open_ms: key(milliseconds, 'How long it is left alone; doubles while it stays down.'),
  max_open_ms: key(milliseconds, 'How long at most.'),
});

const profileShape = object({
  provider: key(name, 'Provider of the models; the name of the profile when it is one.'),
  protocol: key(protocol, 'Protocol to speak, where the provider has several.'),
  auth: key(
    choice(['subscription', 'key', 'none']),
    "Credential: the client's own login, a key, or nothing. A key where the provider wants one.",
  ),
  keys: key(keys, "Keys of this profile instead of the provider's, as references."),
  models: key(
    object({
      ...slotModels,
      default: key(reference, 'Model for what no slot covers, and for slots without a model.'),
    }),
    "Model for each slot: a model of the provider, or a reference to another profile's or provider's.",
  ),
  fallback: key(list(reference), 'Profiles, aliases or models to move on to, in order, when this one fails.'),
  fallback_on: key(fallbackOn, 'Failures that move on along `fallback`, instead of the general ones.'),
  thinking: key(thinking, 'Thinking for each slot whatever the client asks: on, off or a budget.'),
  description: key(text([], { max: 200 }), 'For people, in lists.'),
});

const endpoint = object({
  base_url: neededKey(webUrl, "Without the protocol's own path: `/v1/messages` and `/chat/completions` are added."),
  auth: key(authHeader, 'Header that carries the key.'),
});

const modelFacts = object({
  context_window: key(whole(1), 'Tokens of input and output together.'),
  max_output_tokens: key(whole(1), 'Tokens of output.'),
  vision: key(flag(), 'Takes images.'),
  thinking: key(flag(), 'Can think.'),
  tools: key(flag(), 'Calls tools.'),
  price: key(
    object({
      input: key(amount(), 'Input that is in no cache.'),
      output: key(amount(), 'Output.'),
      cache_read: key(amount(), 'Input that is read from the cache.'),
      cache_write: key(amount(), 'Input that is written to the cache.'),
    }),
    'US dollars for a million tokens.',
  ),
});

const providerShape = object({
  name: key(text([], { min: 1, max: 80 }), 'For people.'),
  protocol: key(protocol, 'Protocol to speak; with `base_url` the one that it speaks.'),
  base_url: key(webUrl, 'Where it is, for one protocol or a machine that serves all of them.'),
  endpoints: key(
    object({ 'anthropic-messages': key(endpoint), 'openai-chat': key(endpoint) }),
    'Base URLs by protocol, where there are several.',
  ),
  region: key(name, 'Region of a known provider, instead of a base URL.'),
  local: key(flag(), 'On this machine or its network: no key needed, no idle timeout.'),
  auth: key(
    object({
      type: key(choice(['bearer', 'x-api-key', 'api-key', 'none']), 'Header that carries the key; none sends nothing.'),
      keys: key(keys, 'References: env:NAME, file:/path, keychain:name. Used in order.'),
      rotate_after: key(whole(), 'Successes after which the next key is used; 0 stays on a key while it works.'),
    }),
    'Credential.',
  ),
  proxy: key(proxyUrl, 'Proxy for this provider: a URL, or a reference to one.'),
  http2: key(flag(), 'HTTP/2 over TLS, where the provider offers it; on unless switched off.'),
  // As large as the rest together, and few files have quirks.
  quirks: key(later(quirksShape), 'Deviations; see the table of quirks.'),
  models: key(
    object({ ...slotModels, default: key(modelName, 'Model for slots without one.') }),
    'Default model for each slot.',
  ),
  model_data: key(
    names(modelName, modelFacts),
    'What is known of its models, by name; overrides what midswap was shipped with.',
  ),
  timeouts: key(
    object({
      connect_ms: key(milliseconds, 'Until the connection stands.'),
      first_byte_ms: key(milliseconds, 'From the request to the first byte of the answer.'),
      idle_ms: key(milliseconds, 'Silence within an answer.'),
    }),
    'Milliseconds; 0 switches a limit off.',
  ),
  retry: key(retry, 'Repeats at this provider, instead of the general ones.'),
  breaker: key(breaker, 'When a model of this provider is left alone, instead of the general one.'),
  docs: key(text([], { max: 300 }), 'Link to its documentation.'),
});

const routing = object({
  background: key(reference, 'Titles, summaries and other auxiliary requests.'),
  think: key(reference, 'Requests with thinking.'),
  long_context: key(
    object({
      target: neededKey(reference, 'Where they go.'),
      threshold: keyWithDefault(whole(1), 60_000, 'Estimated tokens from which it applies.'),
    }),
    'Long requests.',
  ),
  web_search: key(reference, 'Web searches of the client.'),
  image: key(reference, 'Requests with images, where the model of the slot takes none.'),
  compaction: key(reference, 'Summaries that replace a long conversation.'),
  classifier: key(reference, 'Permission decisions of auto mode.'),
  subagents: key(
    names(text([[/^[A-Za-z0-9][^\p{Cc}]{0,99}$/u, 'is not the name of an agent']]), reference),
    'By type or name of the agent: a slot or a reference.',
  ),
});

const limits = object({
  rps: key(amount({ above: true }), 'Requests per second, on average.'),
  burst: key(whole(1), 'Requests at once after a pause.'),
  concurrency: key(whole(1), 'Requests in flight.'),
  per_key: key(flag(), 'The limits hold for each key by itself.'),
});

const domains = list(text([[TOKEN, 'is not a domain']]));

const cache = object({
  enabled: key(flag(), 'Keeps answers.'),
  max_entries: key(whole(1, 1_000_000), 'Answers that are kept.'),
  max_bytes: key(whole(1024), 'Bytes of all answers together.'),
  ttl_s: key(whole(1, 31_536_000), 'Seconds that an answer is kept.'),
});

const webTools = object({
  proxy: key(
    proxyUrl,
    'Proxy for searches and pages: a URL, or a reference to one; without it those of the environment.',
  ),
  search: key(
    object({
      engine: neededKey(choice(['searxng', 'brave', 'tavily', 'exa', 'duckduckgo']), 'Who searches.'),
      base_url: key(webUrl, 'Where it is; needed for searxng.'),
      key: key(text([], { min: 1 }), "Reference to its key; the engine's variable without one."),
      max_results: key(whole(1, 20), 'Results of one search; 8 without it.'),
      timeout_ms: key(milliseconds, 'For one search; 15000 without it.'),
    }),
    'Searches for models whose endpoint cannot; off without it.',
  ),
  fetch: key(
    object({
      enabled: key(flag(), 'Fetches pages.'),
      known_urls_only: key(
        flag(),
        'Only URLs that the conversation or an earlier result holds: a page cannot send the model elsewhere.',
      ),
      ports: key(list(whole(1, 65_535)), 'Ports beside 80 and 443.'),
      max_bytes: key(whole(1024, 64 << 20), 'Bytes that are read of a page.'),
      max_chars: key(whole(100, 2_000_000), 'Characters of a page that the model gets.'),
      timeout_ms: key(milliseconds, 'For one page, with its redirects.'),
      proxy_resolves: key(flag(), 'A proxy is asked for names, which then cannot be checked here; see web-tools.md.'),
    }),
    'Fetches pages for models whose endpoint cannot.',
  ),
  allowed_domains: key(domains, 'Nothing else is searched and fetched; subdomains are included.'),
  blocked_domains: key(domains, 'Never searched and fetched; subdomains are included.'),
  max_uses: key(whole(1, 100), 'Calls of one request, whatever it asks for.'),
});

const gateway = object({
  host: key(text([[TOKEN, 'is not an address']]), 'Address to listen on.'),
  port: key(whole(0, 65_535), 'Port to listen on; 0 takes a free one.'),
  max_body_bytes: key(whole(1024), 'Bytes of a request body that are accepted.'),
  grace_ms: key(milliseconds, 'Silence of the upstream before 200 and pings are sent.'),
  ping_ms: key(whole(100, 600_000), 'Interval of pings in silence.'),
});

/** The whole file. */
export const configShape = object({
  default_profile: key(reference, 'Profile of a session that names none.'),
  always_dynamic: key(flag(), 'Sessions can be switched, unless started with --no-dynamic.'),
  profiles: key(names(name, profileShape, { mayBeBlank: true }), 'Named choices, by name.'),
  model_map: key(
    names(text([[/^[A-Za-z0-9]\S{0,255}$/, 'is not the name of a model']]), reference),
    'Inbound model names that no slot covers: to a slot or a reference.',
  ),
  aliases: key(names(name, reference), 'Short names for one provider and model.'),
  routing: key(routing, 'Routes by kind of request.'),
  providers: key(
    names(name, providerShape, { mayBeBlank: true }),
    'Own providers, and changes to known ones, by name.',
  ),
  limits: key(
    names(name, limits),
    'What is sent to a provider at most, by its name. Requests queue before they are refused.',
  ),
  cache: key(cache, 'Answers to deterministic requests, kept and given again.'),
  web_tools: key(webTools, 'Searches and fetches that midswap runs itself, where it is told to.'),
  retry: key(retry, 'Repeats to the same target, as long as nothing was sent to the client.'),
  breaker: key(breaker, 'When a model that fails again and again is left alone, where there is a fallback.'),
  fallback_on: key(
    fallbackOn,
    "Failures that move on along a profile's `fallback`. Without it: all but `credential`, `permission` and `context_overflow`, and nothing that the subscription answers with 401, 402 or 403.",
  ),
  local_answers: key(
    object({
      model_check: key(flag(), 'Whether a name that was typed with `/model` exists.'),
      quota_check: key(flag(), "The look at the limits at Claude Code's start, where it is not for a subscription."),
    }),
    'Questions of the client that midswap answers without a model.',
  ),
  gateway: key(gateway, 'The gateway itself.'),
});

export type RawConfig = TypeOf<typeof configShape>;
export type RawProfile = TypeOf<typeof profileShape>;
export type RawProvider = TypeOf<typeof providerShape>;
export type RawQuirks = Readonly<Record<string, unknown>>;

function forEachSlot<K extends Key>(make: (slot: Slot) => K): Record<Slot, K> {
  return Object.fromEntries(SLOTS.map((slot) => [slot, make(slot)])) as Record<Slot, K>;
}

/** Quirks by group, and without the group where only one quirk has the name. */
function quirksShape(): Shape & Of<RawQuirks> {
  const groups: Record<string, Record<string, Key>> = {};
  const flat: Record<string, Key> = {};
  const rows = QUIRK_TABLE.filter((row) => row.name !== 'acceptsClientLogin');
  const namesakes = Map.groupBy(rows, (row) => row.key.split('.').at(-1));
  for (const row of rows) {
    const [name, group] = row.key.split('.').reverse() as [string, string?];
    const value = key(quirkValue(row), row.doc);
    if (group !== undefined) {
      groups[group] ??= {};
      groups[group][name] = value;
    }
    if (group === undefined || namesakes.get(name)?.length === 1) flat[name] = value;
  }
  for (const [group, keysOfGroup] of Object.entries(groups)) flat[group] = key(object(keysOfGroup));
  return object(flat);
}

function quirkValue(row: QuirkRow): Shape {
  switch (row.kind) {
    case 'boolean':
      return flag();
    case 'choice':
      return choice(row.values as readonly string[]);
    case 'integer':
      return whole();
    case 'number':
      return amount();
    case 'text':
      return row.key.endsWith('_pattern') ? text([[isPattern, 'is not a regular expression']]) : text();
    case 'list':
      return list(row.values ? choice(row.values) : text());
    case 'map':
      return names(text(), text());
  }
}

function isWebUrl(given: string): boolean {
  const url = URL.parse(given);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false;
  return url.username === '' && url.password === '' && url.search === '' && url.hash === '' && TOKEN.test(given);
}

function isProxyUrl(given: string): boolean {
  const url = URL.parse(given);
  return url !== null && /^(https?|socks5h?|socks4a?):$/.test(url.protocol) && url.hostname !== '' && TOKEN.test(given);
}

function isPattern(given: string): boolean {
  try {
    new RegExp(given);
    return true;
  } catch {
    return false;
  }
}
