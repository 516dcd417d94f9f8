import type { WebTools } from '../../core/snapshot.ts';
import type { WebAccess } from '../fetch-guard.ts';
import type { DomainRules } from './domains.ts';
import { type OfferedTool, sealExcerpt } from './offer.ts';
import { readPage } from './page.ts';
import { search } from './search.ts';
import { isToolFault, type ToolFault, toolFault } from './tool-fault.ts';

/** What came of one call. */
export interface CallResult {
  /** The block for the client, without the id of the call. */
  readonly block: Readonly<Record<string, unknown>>;
  /** For the model. */
  readonly text: string;
  readonly isError: boolean;
}

export interface CallContext {
  readonly settings: WebTools;
  readonly access: WebAccess;
  readonly signal: AbortSignal;
  readonly userAgent: string;
  /** Whether the conversation or an earlier result holds this URL. */
  isKnown(url: string): boolean;
}

const CHARS_PER_TOKEN = 4;

/** Runs a search or a fetch. Never rejects. */
export async function runCall(tool: OfferedTool, input: unknown, context: CallContext): Promise<CallResult> {
  const result = tool.kind === 'search' ? await runSearch(tool, input, context) : await runFetch(tool, input, context);
  return isToolFault(result) ? failedCall(tool, result) : result;
}

export function failedCall(tool: OfferedTool, { code, message }: ToolFault): CallResult {
  const type = `web_${tool.kind}_tool_result`;
  return {
    block: { type, content: { type: `${type}_error`, error_code: code } },
    text: `Error (${code}): ${message}`,
    isError: true,
  };
}

async function runSearch(tool: OfferedTool, input: unknown, context: CallContext): Promise<CallResult | ToolFault> {
  const query = textField(input, 'query');
  const { settings, signal, userAgent } = context;
  if (query === undefined || !settings.search) return toolFault('invalid_tool_input', 'query must be text');
  const hits = await search(query, settings.search, domainsOf(tool, settings), signal, userAgent);
  if ('code' in hits) return hits;
  const results = hits.map(({ url, title, excerpt, age }) => ({
    type: 'web_search_result',
    url,
    title,
    encrypted_content: sealExcerpt(excerpt),
    page_age: age ?? null,
  }));
  const lines = hits.map(({ url, title, excerpt, age }, at) => {
    const dated = age === undefined ? url : `${url} (${age})`;
    return `${at + 1}. ${title}\n${dated}\n${excerpt}`.trimEnd();
  });
  return {
    block: { type: 'web_search_tool_result', content: results },
    text: lines.length === 0 ? 'Nothing was found.' : lines.join('\n\n'),
    isError: false,
  };
}

async function runFetch(tool: OfferedTool, input: unknown, context: CallContext): Promise<CallResult | ToolFault> {
  const url = textField(input, 'url');
  const { settings, access, signal, userAgent } = context;
  if (url === undefined || !settings.fetch) return toolFault('invalid_tool_input', 'url must be text');
  if (settings.fetch.knownUrlsOnly && !context.isKnown(url))
    return toolFault('url_not_in_prior_context', 'only addresses that the conversation or a result holds are read');
  const most = Math.min(settings.fetch.maxChars, (tool.maxContentTokens ?? Number.POSITIVE_INFINITY) * CHARS_PER_TOKEN);
  const page = await readPage(url, settings.fetch, domainsOf(tool, settings), access, signal, userAgent, most);
  if (isToolFault(page)) return page;
  const title = page.title === '' ? null : page.title;
  const source = { type: 'text', media_type: 'text/plain', data: page.text };
  return {
    block: {
      type: 'web_fetch_tool_result',
      content: {
        type: 'web_fetch_result',
        url: page.url,
        retrieved_at: new Date().toISOString(),
        content: { type: 'document', source, title, citations: null },
      },
    },
    text: [page.url, page.title, page.text].filter((part) => part !== '').join('\n\n'),
    isError: false,
  };
}

function domainsOf(tool: OfferedTool, settings: WebTools): DomainRules {
  return {
    allowed: [tool.allowedDomains, settings.allowedDomains],
    blocked: [...settings.blockedDomains, ...tool.blockedDomains],
  };
}

function textField(input: unknown, name: string): string | undefined {
  const value = typeof input === 'object' && input !== null ? (input as Record<string, unknown>)[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}
