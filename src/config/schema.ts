import { z } from 'zod';
import { QUIRK_TABLE, type QuirkRow, quirksByKey } from '../catalogue/quirks.ts';
import { SLOTS } from '../core/slot.ts';
import { FALLBACK_REASONS } from '../policy/failure-rules.ts';

/** Words that name something else on the command line or in the client's picker. */
const RESERVED = ['claude'];
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Text without spaces and control characters: what models and references are made of. */
const TOKEN = /^[^\s\p{Cc}]{1,256}$/u;

const name = z
  .string()
  .regex(NAME, 'is not a name: letters, digits, dots, dashes and underscores, 64 at most')
  .refine((text) => !RESERVED.includes(text.toLowerCase()), 'is a word of the client and cannot be a name');
const reference = z.string().regex(TOKEN, 'is not a reference to a model: it is empty or holds spaces');
const modelName = z.string().regex(TOKEN, 'is not the name of a model: it is empty or holds spaces');
const milliseconds = z.int().min(0).max(86_400_000);

const webUrl = z.string().refine(isWebUrl, {
  error: 'is not a base URL: http:// or https://, without user, password, query and fragment',
});
const proxyUrl = z.string().refine((text) => /^(env|file|keychain):./.test(text) || isProxyUrl(text), {
  error: 'is not a proxy: http://, https:// or socks5://HOST:PORT, or a reference such as env:NAME',
});

const authHeader = z.enum(['bearer', 'x-api-key', 'api-key']);
const keys = z.array(z.string().min(1, 'is empty'));
const protocol = z.enum(['anthropic-messages', 'openai-chat']);

const slotModels = Object.fromEntries(
  SLOTS.map((slot) => [slot, reference.optional().describe(`Model for the ${slot} slot.`)]),
) as Record<(typeof SLOTS)[number], z.ZodOptional<typeof reference>>;

const thinkingChoice = z
  .union([z.enum(['on', 'off']), z.boolean(), z.int().min(1024).max(1_000_000)], {
    error: 'must be on, off or a budget of at least 1024 tokens',
  })
  .optional();

const thinking = z.strictObject({
  ...(Object.fromEntries(SLOTS.map((slot) => [slot, thinkingChoice])) as Record<
    (typeof SLOTS)[number],
    typeof thinkingChoice
  >),
  default: thinkingChoice.describe('For slots without a value of their own.'),
});

const fallbackOn = z.array(z.enum(Object.keys(FALLBACK_REASONS) as [keyof typeof FALLBACK_REASONS]));

const retry = z.strictObject({
  limit: z.int().min(0).max(20).optional().describe('Repeats after the first try.'),
  base_ms: milliseconds.optional().describe('Ceiling of the first wait, which is at random; doubles with each repeat.'),
  max_ms: milliseconds
    .optional()
    .describe('Longest wait. An upstream that asks for a longer one is told to the client, which waits by itself.'),
});

const breaker = z.strictObject({
  failures: z.int().min(1).max(1_000).optional().describe('Failures in a row after which a model is left alone.'),
  window_ms: milliseconds.optional().describe('Time within which they count.'),
  open_ms: milliseconds.optional().describe('How long it is left alone; doubles while it stays down.'),
  max_open_ms: milliseconds.optional().describe('How long at most.'),
});

export const profileSchema = z.strictObject({
  provider: name.optional().describe('Provider of the models; the name of the profile when it is one.'),
  protocol: protocol.optional().describe('Protocol to speak, where the provider has several.'),
  auth: z
    .enum(['subscription', 'key', 'none'])
    .optional()
    .describe("Credential: the client's own login, a key, or nothing. A key where the provider wants one."),
  keys: keys.optional().describe("Keys of this profile instead of the provider's, as references."),
  models: z
    .strictObject({
      ...slotModels,
      default: reference.optional().describe('Model for what no slot covers, and for slots without a model.'),
    })
    .optional()
    .describe("Model for each slot: a model of the provider, or a reference to another profile's or provider's."),
  fallback: z
    .array(reference)
    .optional()
    .describe('Profiles, aliases or models to move on to, in order, when this one fails.'),
  fallback_on: fallbackOn.optional().describe('Failures that move on along `fallback`, instead of the general ones.'),
  thinking: thinking.optional().describe('Thinking for each slot whatever the client asks: on, off or a budget.'),
  description: z.string().max(200).optional().describe('For people, in lists.'),
});

const endpoint = z.strictObject({
  base_url: webUrl.describe("Without the protocol's own path: `/v1/messages` and `/chat/completions` are added."),
  auth: authHeader.optional().describe('Header that carries the key.'),
});

const modelFacts = z.strictObject({
  context_window: z.int().min(1).optional().describe('Tokens of input and output together.'),
  max_output_tokens: z.int().min(1).optional().describe('Tokens of output.'),
  vision: z.boolean().optional().describe('Takes images.'),
  thinking: z.boolean().optional().describe('Can think.'),
  price: z
    .strictObject({
      input: z.number().min(0).optional().describe('Input that is in no cache.'),
      output: z.number().min(0).optional().describe('Output.'),
      cache_read: z.number().min(0).optional().describe('Input that is read from the cache.'),
      cache_write: z.number().min(0).optional().describe('Input that is written to the cache.'),
    })
    .optional()
    .describe('US dollars for a million tokens.'),
});

export const providerSchema = z.strictObject({
  name: z.string().min(1).max(80).optional().describe('For people.'),
  protocol: protocol.optional().describe('Protocol to speak; with `base_url` the one that it speaks.'),
  base_url: webUrl.optional().describe('Where it is, for one protocol or a machine that serves all of them.'),
  endpoints: z
    .strictObject({ 'anthropic-messages': endpoint.optional(), 'openai-chat': endpoint.optional() })
    .optional()
    .describe('Base URLs by protocol, where there are several.'),
  region: name.optional().describe('Region of a known provider, instead of a base URL.'),
  local: z.boolean().optional().describe('On this machine or its network: no key needed, no idle timeout.'),
  auth: z
    .strictObject({
      type: z
        .enum(['bearer', 'x-api-key', 'api-key', 'none'])
        .optional()
        .describe('Header that carries the key; none sends nothing.'),
      keys: keys.optional().describe('References: env:NAME, file:/path, keychain:name. Used in order.'),
      rotate_after: z
        .int()
        .min(0)
        .optional()
        .describe('Successes after which the next key is used; 0 stays on a key while it works.'),
    })
    .optional()
    .describe('Credential.'),
  proxy: proxyUrl.optional().describe('Proxy for this provider: a URL, or a reference to one.'),
  // Made when it is needed: it is as large as the rest together, and few files have quirks.
  quirks: z.lazy(quirksSchema).optional().describe('Deviations; see the table of quirks.'),
  models: z
    .strictObject({ ...slotModels, default: modelName.optional().describe('Model for slots without one.') })
    .optional()
    .describe('Default model for each slot.'),
  model_data: z
    .record(modelName, modelFacts)
    .optional()
    .describe('What is known of its models, by name; overrides what midswap was shipped with.'),
  timeouts: z
    .strictObject({
      connect_ms: milliseconds.optional().describe('Until the connection stands.'),
      first_byte_ms: milliseconds.optional().describe('From the request to the first byte of the answer.'),
      idle_ms: milliseconds.optional().describe('Silence within an answer.'),
    })
    .optional()
    .describe('Milliseconds; 0 switches a limit off.'),
  retry: retry.optional().describe('Repeats at this provider, instead of the general ones.'),
  breaker: breaker.optional().describe('When a model of this provider is left alone, instead of the general one.'),
  docs: z.string().max(300).optional().describe('Link to its documentation.'),
});

const routingSchema = z.strictObject({
  background: reference.optional().describe('Titles, summaries and other auxiliary requests.'),
  think: reference.optional().describe('Requests with thinking.'),
  long_context: z
    .strictObject({
      target: reference.describe('Where they go.'),
      threshold: z.int().min(1).default(60_000).describe('Estimated tokens from which it applies.'),
    })
    .optional()
    .describe('Long requests.'),
  web_search: reference.optional().describe('Web searches of the client.'),
  image: reference.optional().describe('Requests with images, where the model of the slot takes none.'),
  compaction: reference.optional().describe('Summaries that replace a long conversation.'),
  classifier: reference.optional().describe('Permission decisions of auto mode.'),
  subagents: z
    .record(z.string().regex(/^[A-Za-z0-9][^\p{Cc}]{0,99}$/u, 'is not the name of an agent'), reference)
    .optional()
    .describe('By type or name of the agent: a slot or a reference.'),
});

const domains = z.array(z.string().regex(TOKEN, 'is not a domain'));

const cacheSchema = z.strictObject({
  enabled: z.boolean().optional().describe('Keeps answers.'),
  max_entries: z.int().min(1).max(1_000_000).optional().describe('Answers that are kept.'),
  max_bytes: z.int().min(1024).optional().describe('Bytes of all answers together.'),
  ttl_s: z.int().min(1).max(31_536_000).optional().describe('Seconds that an answer is kept.'),
});

const webToolsSchema = z.strictObject({
  search: z
    .strictObject({
      engine: z.enum(['searxng', 'brave', 'tavily', 'exa', 'duckduckgo']).describe('Who searches.'),
      base_url: webUrl.optional().describe('Where it is; needed for searxng.'),
      key: z
        .string()
        .min(1, 'is empty')
        .optional()
        .describe("Reference to its key; the engine's variable without one."),
      max_results: z.int().min(1).max(20).optional().describe('Results of one search; 8 without it.'),
      timeout_ms: milliseconds.optional().describe('For one search; 15000 without it.'),
    })
    .optional()
    .describe('Searches for models whose endpoint cannot; off without it.'),
  fetch: z
    .strictObject({
      enabled: z.boolean().optional().describe('Fetches pages.'),
      known_urls_only: z
        .boolean()
        .optional()
        .describe(
          'Only URLs that the conversation or an earlier result holds: a page cannot send the model elsewhere.',
        ),
      ports: z.array(z.int().min(1).max(65_535)).optional().describe('Ports beside 80 and 443.'),
      max_bytes: z
        .int()
        .min(1024)
        .max(64 << 20)
        .optional()
        .describe('Bytes that are read of a page.'),
      max_chars: z.int().min(100).max(2_000_000).optional().describe('Characters of a page that the model gets.'),
      timeout_ms: milliseconds.optional().describe('For one page, with its redirects.'),
    })
    .optional()
    .describe('Fetches pages for models whose endpoint cannot.'),
  allowed_domains: domains.optional().describe('Nothing else is searched and fetched; subdomains are included.'),
  blocked_domains: domains.optional().describe('Never searched and fetched; subdomains are included.'),
  max_uses: z.int().min(1).max(100).optional().describe('Calls of one request, whatever it asks for.'),
});

/** The whole file. */
export const configSchema = z.strictObject({
  default_profile: reference.optional().describe('Profile of a session that names none.'),
  always_dynamic: z.boolean().optional().describe('Sessions can be switched, unless started with --no-dynamic.'),
  profiles: z.record(name, profileSchema).optional().describe('Named choices, by name.'),
  model_map: z
    .record(z.string().regex(/^[A-Za-z0-9]\S{0,255}$/, 'is not the name of a model'), reference)
    .optional()
    .describe('Inbound model names that no slot covers: to a slot or a reference.'),
  aliases: z.record(name, reference).optional().describe('Short names for one provider and model.'),
  routing: routingSchema.optional().describe('Routes by kind of request.'),
  providers: z.record(name, providerSchema).optional().describe('Own providers, and changes to known ones, by name.'),
  limits: z
    .record(
      name,
      z.strictObject({
        rps: z.number().positive().optional().describe('Requests per second, on average.'),
        burst: z.int().min(1).optional().describe('Requests at once after a pause.'),
        concurrency: z.int().min(1).optional().describe('Requests in flight.'),
        per_key: z.boolean().optional().describe('The limits hold for each key by itself.'),
      }),
    )
    .optional()
    .describe('What is sent to a provider at most, by its name. Requests queue before they are refused.'),
  cache: cacheSchema.optional().describe('Answers to deterministic requests, kept and given again.'),
  web_tools: webToolsSchema.optional().describe('Searches and fetches that midswap runs itself, where it is told to.'),
  retry: retry.optional().describe('Repeats to the same target, as long as nothing was sent to the client.'),
  breaker: breaker
    .optional()
    .describe('When a model that fails again and again is left alone, where there is a fallback.'),
  fallback_on: fallbackOn
    .optional()
    .describe(
      "Failures that move on along a profile's `fallback`. Without it: all but `credential` and `permission`, and nothing that the subscription answers with 401, 402 or 403.",
    ),
  gateway: z
    .strictObject({
      host: z.string().regex(TOKEN, 'is not an address').optional().describe('Address to listen on.'),
      port: z.int().min(0).max(65_535).optional().describe('Port to listen on; 0 takes a free one.'),
      max_body_bytes: z.int().min(1024).optional().describe('Bytes of a request body that are accepted.'),
      grace_ms: milliseconds.optional().describe('Silence of the upstream before 200 and pings are sent.'),
      ping_ms: z.int().min(100).max(600_000).optional().describe('Interval of pings in silence.'),
    })
    .optional()
    .describe('The gateway itself.'),
});

export type RawConfig = z.infer<typeof configSchema>;
export type RawProfile = z.infer<typeof profileSchema>;
export type RawProvider = z.infer<typeof providerSchema>;
export type RawQuirks = Readonly<Record<string, unknown>>;

/** The JSON Schema that editors complete the file with (draft 2020-12). */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  return { title: 'Configuration of midswap', ...schema };
}

/** Quirks by group, and without the group where only one quirk has the name. */
function quirksSchema(): z.ZodType<RawQuirks> {
  const groups: Record<string, Record<string, z.ZodType>> = {};
  const shape: Record<string, z.ZodType> = {};
  for (const row of QUIRK_TABLE) {
    if (row.name === 'acceptsClientLogin') continue;
    const value = quirkValue(row).optional().describe(row.doc);
    const [group, key] = row.key.includes('.') ? row.key.split('.') : [undefined, row.key];
    if (key === undefined) continue;
    if (group !== undefined) {
      groups[group] ??= {};
      groups[group][key] = value;
    }
    if (group === undefined || quirksByKey(key).length === 1) shape[key] = value;
  }
  for (const [group, keysOfGroup] of Object.entries(groups)) shape[group] = z.strictObject(keysOfGroup).optional();
  return z.strictObject(shape);
}

function quirkValue(row: QuirkRow): z.ZodType {
  switch (row.kind) {
    case 'boolean':
      return z.boolean();
    case 'choice':
      return z.enum(row.values as [string, ...string[]]);
    case 'integer':
      return z.int().min(0);
    case 'number':
      return z.number().min(0);
    case 'text':
      return row.key.endsWith('_pattern')
        ? z.string().refine(isPattern, { error: 'is not a regular expression' })
        : z.string();
    case 'list':
      return z.array(row.values ? z.enum(row.values as [string, ...string[]]) : z.string());
    case 'map':
      return z.record(z.string(), z.string());
  }
}

function isWebUrl(text: string): boolean {
  const url = URL.parse(text);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false;
  return url.username === '' && url.password === '' && url.search === '' && url.hash === '' && TOKEN.test(text);
}

function isProxyUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^(https?|socks5h?|socks4a?):$/.test(url.protocol) && url.hostname !== '' && TOKEN.test(text);
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}
