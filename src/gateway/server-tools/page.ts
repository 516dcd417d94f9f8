import type { WebFetch } from '../../core/snapshot.ts';
import { type Fetched, guardedFetch, type WebAccess } from '../fetch-guard.ts';
import type { DomainRules } from './domains.ts';
import { plainText, titleOf } from './plain-text.ts';
import { readInChild } from './read-in-child.ts';
import { isToolFault, type ToolFault, toolFault } from './tool-fault.ts';

export interface Page {
  /** Where redirects ended. */
  readonly url: string;
  readonly title: string;
  /** Markdown, or the text as it was. */
  readonly text: string;
}

const READABLE = /^(?:text\/|application\/(?:[\w.+-]*\+)?(?:json|xml|xhtml\+xml|javascript|yaml|toml)$)/;
const LEFT_OUT = '\n\n[The rest of the page is left out.]';

/** A page as text for a model. Never rejects. */
export async function readPage(
  url: string,
  settings: WebFetch,
  domains: DomainRules,
  access: WebAccess,
  signal: AbortSignal,
  userAgent: string,
  maxChars = settings.maxChars,
): Promise<Page | ToolFault> {
  const { ports, maxBytes, timeoutMs, proxyFor, proxyResolves } = settings;
  const headers = { 'user-agent': userAgent, accept: 'text/html, text/markdown, text/plain;q=0.9, */*;q=0.5' };
  const way = { proxyResolves, ...(proxyFor && { proxyFor }) };
  const answer = await guardedFetch(url, { domains, ports, maxBytes, timeoutMs, headers, ...way }, access, signal);
  if (isToolFault(answer)) return answer;
  if (answer.status === 429) return toolFault('too_many_requests', 'the site wants a pause');
  if (answer.status < 200 || answer.status > 299)
    return toolFault('url_not_accessible', `the site answered ${answer.status}`);
  const type = (answer.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const isText = type === '' ? !answer.body.includes(0) : READABLE.test(type);
  if (!isText) return toolFault('unsupported_content_type', `${type || 'binary data'} cannot be read as text`);
  const source = decode(answer);
  const isHtml =
    type === 'text/html' || type === 'application/xhtml+xml' || /^\s*<(?:!doctype html|html)\b/i.test(source);
  const { title, text } = isHtml
    ? await readHtml(source, answer.url.href, access, signal)
    : { title: '', text: source };
  const isCut = answer.truncated || text.length > maxChars;
  return { url: answer.url.href, title, text: isCut ? cut(text, maxChars) + LEFT_OUT : text };
}

async function readHtml(html: string, url: string, access: WebAccess, signal: AbortSignal) {
  const article = access.pageReader && (await readInChild(access.pageReader, html, url, signal));
  const title = article?.title || titleOf(html);
  return { title, text: article?.markdown || plainText(html) };
}

/** Not in the middle of a character. */
function cut(text: string, maxChars: number): string {
  const end = /[\ud800-\udbff]/.test(text[maxChars - 1] ?? '') ? maxChars - 1 : maxChars;
  return text.slice(0, end);
}

/** By the charset of the header, else of the page, else UTF-8. */
function decode({ headers, body }: Fetched): string {
  const named = /charset\s*=\s*"?([\w.:-]{1,40})/i;
  const label = named.exec(headers['content-type'] ?? '')?.[1] ?? named.exec(body.toString('latin1', 0, 2_048))?.[1];
  try {
    return new TextDecoder(label ?? 'utf-8').decode(body);
  } catch {
    return new TextDecoder().decode(body);
  }
}
