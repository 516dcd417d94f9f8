import type { Block, Envelope, Message, MessagesRequest, Tool } from '../../core/messages.ts';
import type { WebTools } from '../../core/snapshot.ts';
import type { Target } from '../../core/target.ts';
import { readEnvelope } from '../../protocols/anthropic/envelope.ts';

export type ToolKind = 'search' | 'fetch';

/** A server tool of the request that is run here. */
export interface OfferedTool {
  readonly kind: ToolKind;
  /** As the request calls it, and the model too. */
  readonly name: string;
  readonly maxUses: number;
  readonly allowedDomains: readonly string[];
  readonly blockedDomains: readonly string[];
  /** Tokens of a page that the client wants at most. */
  readonly maxContentTokens: number | undefined;
}

export interface Offer {
  readonly tools: readonly OfferedTool[];
  /** The request as the model gets it: the server tools are ordinary functions. Always a stream. */
  readonly body: MessagesRequest;
}

const PREFIXES: Readonly<Record<ToolKind, string>> = { search: 'web_search', fetch: 'web_fetch' };
const MENTION = Buffer.from('"web_');

const FUNCTIONS: Readonly<Record<ToolKind, { readonly description: string; readonly input_schema: unknown }>> = {
  search: {
    description:
      'Searches the web and returns titles, addresses and excerpts of pages. Use it for what is recent or not certain, and name the pages that an answer rests on.',
    input_schema: {
      type: 'object',
      properties: { query: { type: 'string', description: 'What to search for.' } },
      required: ['query'],
    },
  },
  fetch: {
    description:
      'Reads a page of the web as text. The address has to be one that was mentioned in the conversation or found by a search.',
    input_schema: {
      type: 'object',
      properties: { url: { type: 'string', description: 'Address of the page, with http:// or https://.' } },
      required: ['url'],
    },
  },
};

/**
 * The server tools of a request that the gateway has to run for this target; `undefined` where there are none, where the
 * endpoint runs them itself, or where they are not switched on.
 */
export function offerTools(envelope: Envelope, target: Target, settings: WebTools): Offer | undefined {
  const span = envelope.spans.get('tools');
  if (!span || envelope.raw.subarray(span[0], span[1]).indexOf(MENTION) === -1) return undefined;
  const body = envelope.body();
  const declared = (body.tools ?? []).filter((tool) => typeof tool === 'object' && tool !== null);
  const ordinary = new Set(declared.filter((tool) => kindOf(tool) === undefined).map(({ name }) => name));
  const offered: OfferedTool[] = [];
  const tools = declared.map((tool) => {
    const kind = kindOf(tool);
    if (kind === undefined || settings[kind] === undefined || runsItself(target, kind)) return tool;
    const name = tool.name ?? PREFIXES[kind];
    if (ordinary.has(name) || offered.some((other) => other.name === name)) return tool;
    offered.push(offeredTool(kind, name, tool, settings));
    return { name, ...FUNCTIONS[kind] } satisfies Tool;
  });
  return offered.length === 0 ? undefined : { tools: offered, body: { ...body, tools, stream: true } };
}

/** The offer's request after some steps; without a forced choice, which would force a call for ever. */
export function nextRequest(
  envelope: Envelope,
  { body }: Offer,
  turns: readonly Message[],
  choice: 'as asked' | 'free' | 'none',
): Envelope {
  const { tool_choice: asked, ...rest } = body;
  const forced = asked?.type === 'any' || asked?.type === 'tool';
  const next: MessagesRequest = { ...rest, messages: [...body.messages, ...turns] };
  if (choice === 'none') next.tool_choice = { type: 'none' };
  else if (asked && (choice === 'as asked' || !forced)) next.tool_choice = asked;
  return withBody(envelope, next);
}

function withBody({ path, headers }: Envelope, body: MessagesRequest): Envelope {
  return readEnvelope(Buffer.from(JSON.stringify(body)), path, headers);
}

function kindOf(tool: Tool): ToolKind | undefined {
  if (typeof tool.type !== 'string' || tool.input_schema !== undefined) return undefined;
  if (tool.type.startsWith(PREFIXES.search)) return 'search';
  return tool.type.startsWith(PREFIXES.fetch) ? 'fetch' : undefined;
}

function runsItself({ quirks, endpoint }: Target, kind: ToolKind): boolean {
  if (quirks.anthropicGenuine) return true;
  if (endpoint.protocol !== 'anthropic-messages') return false;
  return quirks.messages.serverTools.some((prefix) => prefix.startsWith(PREFIXES[kind]));
}

function offeredTool(kind: ToolKind, name: string, tool: Tool, settings: WebTools): OfferedTool {
  const wanted = count(tool.max_uses);
  return {
    kind,
    name,
    maxUses: Math.min(wanted ?? settings.maxUses, settings.maxUses),
    allowedDomains: texts(tool.allowed_domains),
    blockedDomains: texts(tool.blocked_domains),
    maxContentTokens: count(tool.max_content_tokens),
  };
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? Math.floor(value) : undefined;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** Begin of the ids of calls that were run here. */
export const OWN_ID = 'srvtoolu_msw';
const OWN_MENTION = Buffer.from(`"${OWN_ID}`);
/** Begin of what stands for the encrypted content of a result that was found here. */
const OWN_CONTENT = 'midswap:';

/** Excerpt of a result, where the client keeps what it must send back. */
export function sealExcerpt(excerpt: string): string {
  return OWN_CONTENT + Buffer.from(excerpt).toString('base64url');
}

/**
 * The request with calls that were run here, and their results, as text: nobody upstream knows their ids, and Anthropic
 * refuses results that it has not encrypted. The same envelope where there are none.
 */
export function withReadableResults(envelope: Envelope): Envelope {
  if (envelope.raw.indexOf(OWN_MENTION) === -1) return envelope;
  const body = envelope.body();
  const messages = body.messages.flatMap((message) => {
    if (!Array.isArray(message?.content)) return [message];
    const content = message.content.flatMap(readable);
    return content.length === 0 ? [] : [{ ...message, content }];
  });
  return withBody(envelope, { ...body, messages });
}

function readable(block: Block): Block[] {
  if (block?.type === 'server_tool_use') return isOwn(block.id) ? [] : [block];
  if (!block?.type?.endsWith('_tool_result') || !isOwn(block.tool_use_id)) return [block];
  const text = Array.isArray(block.content)
    ? block.content.map((result: Block | null) => foundText(result)).join('\n\n')
    : pageText(block.content as Block | null);
  return text === '' ? [] : [{ type: 'text', text }];
}

function isOwn(id: unknown): boolean {
  return typeof id === 'string' && id.startsWith(OWN_ID);
}

function foundText(result: Block | null): string {
  const { title, url, encrypted_content: sealed } = (result ?? {}) as Partial<Block>;
  const own = typeof sealed === 'string' && sealed.startsWith(OWN_CONTENT);
  const excerpt = own ? Buffer.from(sealed.slice(OWN_CONTENT.length), 'base64url').toString('utf8') : '';
  return [title, url, excerpt].filter((part) => typeof part === 'string' && part !== '').join('\n');
}

function pageText(result: Block | null | undefined): string {
  const document = result?.content as { source?: { data?: unknown } } | undefined;
  const text = document?.source?.data;
  return typeof text === 'string' ? `${String(result?.url)}\n${text}` : '';
}
