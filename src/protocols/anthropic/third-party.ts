import { MidswapError } from '../../core/errors.ts';
import type { Block, Tool } from '../../core/messages.ts';
import type { Target } from '../../core/target.ts';
import type { RequestDraft } from './draft.ts';
import { validateMessages } from './envelope.ts';
import { fitEffort } from './thinking-param.ts';
import { fitMessages } from './third-party-content.ts';
import { fitTools } from './third-party-tools.ts';

/** One thing that an endpoint which is not Anthropic does not take. */
type Edit = (draft: RequestDraft, target: Target) => void;

/**
 * What is taken out of or changed in a request to an endpoint that speaks the Messages API without being Anthropic, in
 * this order. Every edit looks at the target's declared quirks only, and does nothing where nothing is in its way.
 * Header and field of a capability go together: all betas are dropped in `headers.ts`, their fields here.
 */
const EDITS: readonly Edit[] = [
  dropAnthropicFields,
  dropFieldsOfUnknownBetas,
  dropAttribution,
  fitTools,
  fitMessages,
  fitEffort,
  fitOutputFormat,
  fitStopSequences,
  fitTemperature,
  fitMaxTokens,
];

export function fitThirdParty(draft: RequestDraft, target: Target): void {
  validateMessages({ ...lazyBody(draft) });
  validateChoice(draft);
  for (const edit of EDITS) edit(draft, target);
}

function validateChoice(draft: RequestDraft): void {
  const choice = draft.get('tool_choice') as { type?: unknown; name?: unknown } | null | undefined;
  for (const field of ['type', 'name'] as const) {
    const value = choice?.[field];
    if (value === undefined || typeof value === 'string') continue;
    throw new MidswapError('invalid_request', `tool_choice.${field}: must be a string`);
  }
}

/** System and tools; the messages are looked at where they are made fit. */
function lazyBody(draft: RequestDraft): Parameters<typeof validateMessages>[0] {
  const system = draft.get('system') as Block[] | undefined;
  const tools = draft.get('tools') as Tool[] | undefined;
  return { model: draft.env.model, messages: [], ...(system ? { system } : {}), ...(tools ? { tools } : {}) };
}

/** Fields that belong to Anthropic: identifiers of the user, rules with local paths, capabilities behind betas. */
const ANTHROPIC_FIELDS: readonly string[] = [
  'metadata',
  'safeguards',
  'context_management',
  'container',
  'mcp_servers',
  'service_tier',
  'inference_geo',
  'speed',
  'betas',
  'output_format',
  'cache_control',
  'fallbacks',
  'diagnostics',
];

function dropAnthropicFields(draft: RequestDraft): void {
  for (const name of ANTHROPIC_FIELDS) draft.delete(name, `${name} was left out: it is for Anthropic only`);
}

/** Fields of the Messages API that need no beta. */
const PLAIN_FIELDS = new Set([
  'model',
  'messages',
  'system',
  'max_tokens',
  'stream',
  'stop_sequences',
  'temperature',
  'top_p',
  'top_k',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
]);

/** Betas whose fields are known: all of those are handled by the edits here. */
const KNOWN_BETAS =
  /^(?:oauth|claude-code|interleaved-thinking|fine-grained-tool-streaming|context-1m|prompt-caching|extended-cache-ttl|token-efficient-tools|output-128k|context-management|effort|structured-outputs|advanced-tool-use|tool-search-tool|tool-examples|files-api|mcp-client|code-execution|skills|web-fetch|web-search|computer-use|message-batches|pdfs|fast-mode|redact-thinking|token-counting|max-tokens|compact|task-budgets|mid-conversation-system)-/;

/** A field nobody here knows may be a vendor's own, which passes. Beside a beta nobody here knows it may be that beta's,
 * and goes with it. */
function dropFieldsOfUnknownBetas(draft: RequestDraft): void {
  const unknown = betasOf(draft.env.headers).find((beta) => !KNOWN_BETAS.test(beta));
  if (unknown === undefined) return;
  for (const name of [...draft.names()]) {
    if (!PLAIN_FIELDS.has(name)) draft.delete(name, `${name} was left out with the beta ${unknown}`);
  }
}

function betasOf(headers: readonly string[]): string[] {
  const betas: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() !== 'anthropic-beta') continue;
    for (const beta of (headers[at + 1] ?? '').split(',')) if (beta.trim() !== '') betas.push(beta.trim());
  }
  return betas;
}

const ATTRIBUTION = 'x-anthropic-billing-header:';

/** The block that says who pays is prompt text to everybody but Anthropic, and another one with every request. Only the
 * leading one counts: the same words elsewhere are somebody's text. */
function dropAttribution(draft: RequestDraft): void {
  const system = draft.get('system');
  if (typeof system === 'string') {
    if (!system.startsWith(ATTRIBUTION)) return;
    setOrDelete(draft, 'system', withoutFirstLine(system));
    return;
  }
  if (!Array.isArray(system)) return;
  const [first, ...rest] = system as Block[];
  if (first?.type !== 'text' || typeof first.text !== 'string' || !first.text.startsWith(ATTRIBUTION)) return;
  const text = withoutFirstLine(first.text);
  const blocks = text === '' ? rest : [{ ...first, text }, ...rest];
  setOrDelete(draft, 'system', blocks);
}

function setOrDelete(draft: RequestDraft, name: string, value: string | readonly unknown[]): void {
  if (value.length === 0) draft.delete(name);
  else draft.set(name, value);
}

function withoutFirstLine(text: string): string {
  const end = text.indexOf('\n');
  return end === -1 ? '' : text.slice(end + 1).replace(/^\n+/, '');
}

function fitOutputFormat(draft: RequestDraft, target: Target): void {
  const config = draft.get('output_config') as Record<string, unknown> | null | undefined;
  if (!config) return;
  const { effort, format, ...others } = config;
  const kept = {
    ...(effort === undefined ? {} : { effort }),
    ...(format === undefined || !target.quirks.messages.outputFormat ? {} : { format }),
  };
  if (format !== undefined && !target.quirks.messages.outputFormat) {
    draft.notes.push('output_config.format was left out: the endpoint does not know it');
  }
  if (Object.keys(kept).length === Object.keys(config).length) return;
  for (const name of Object.keys(others))
    draft.notes.push(`output_config.${name} was left out: it is for Anthropic only`);
  if (Object.keys(kept).length === 0) draft.delete('output_config');
  else draft.set('output_config', kept);
}

/** "each stop sequence must contain non-whitespace" */
export function dropBlankStops(draft: RequestDraft): void {
  const sequences = draft.get('stop_sequences');
  if (!Array.isArray(sequences)) return;
  const kept = sequences.filter((each) => typeof each !== 'string' || each.trim() !== '');
  if (kept.length === sequences.length) return;
  draft.notes.push('stop sequences of nothing but white space were left out');
  if (kept.length === 0) draft.delete('stop_sequences');
  else draft.set('stop_sequences', kept);
}

function fitStopSequences(draft: RequestDraft, target: Target): void {
  const sequences = draft.get('stop_sequences');
  const most = target.quirks.messages.maxStopSequences;
  if (!Array.isArray(sequences) || most === undefined || sequences.length <= most) return;
  draft.notes.push(`${sequences.length - most} of ${sequences.length} stop sequences were left out`);
  if (most === 0) draft.delete('stop_sequences');
  else draft.set('stop_sequences', sequences.slice(0, most));
}

function fitTemperature(draft: RequestDraft, target: Target): void {
  const temperature = draft.get('temperature');
  const lowest = target.quirks.messages.minTemperature;
  if (typeof temperature === 'number' && lowest !== undefined && temperature < lowest) draft.set('temperature', lowest);
}

function fitMaxTokens(draft: RequestDraft, target: Target): void {
  const tokens = draft.get('max_tokens');
  const most = target.data.maxOutputTokens;
  if (typeof tokens !== 'number' || most === undefined || tokens <= most) return;
  draft.set('max_tokens', most);
  draft.notes.push(`max_tokens ${tokens} was lowered to ${most}, the model's limit`);
}
