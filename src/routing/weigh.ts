import type { MessagesRequest } from '../core/messages.ts';

/** UTF-8 bytes of text for one token: about right for English and code, and for Chinese within a third. */
const BYTES_PER_TOKEN = 4;
/** What Anthropic counts for an image of ordinary size (docs.claude.com/en/docs/build-with-claude/vision). */
const TOKENS_PER_IMAGE = 1600;
/** Base64 of a PDF for one token: a page is about 100 kB and 2,500 tokens. */
const PDF_BASE64_PER_TOKEN = 40;
/** Deeper values are not looked at; the body has been refused before that. */
const MAX_DEPTH = 512;

/**
 * Input tokens of a request, by size: every text, tool schemas and arguments included. Data of images and PDFs is no
 * text: an image counts as an image, whatever its bytes.
 */
export function estimateTokens(body: MessagesRequest): number {
  const weight: Weight = { textBytes: 0, tokens: 0 };
  weighValue(body.system, weight, 0);
  weighValue(body.messages, weight, 0);
  weighValue(body.tools, weight, 0);
  return Math.max(1, Math.ceil(weight.textBytes / BYTES_PER_TOKEN) + weight.tokens);
}

/** Whether any message or tool result holds an image. */
export function holdsImages(body: MessagesRequest): boolean {
  const messages: unknown = body.messages;
  return Array.isArray(messages) && messages.some((message) => contentHoldsImage(contentOf(message), 0));
}

interface Weight {
  textBytes: number;
  tokens: number;
}

function weighValue(value: unknown, weight: Weight, depth: number): void {
  if (typeof value === 'string') weight.textBytes += Buffer.byteLength(value, 'utf8');
  else if (typeof value === 'number' || typeof value === 'boolean') weight.textBytes += 4;
  else if (Array.isArray(value)) {
    if (depth < MAX_DEPTH) for (const entry of value) weighValue(entry, weight, depth + 1);
  } else if (typeof value === 'object' && value !== null) {
    if (depth < MAX_DEPTH) weighObject(value as Record<string, unknown>, weight, depth + 1);
  }
}

function weighObject(value: Record<string, unknown>, weight: Weight, depth: number): void {
  if (isBlock(value, 'image')) {
    weight.tokens += TOKENS_PER_IMAGE;
    return;
  }
  const base64 = isBlock(value, 'document') ? base64Of(value.source) : undefined;
  if (base64 !== undefined) weight.tokens += Math.ceil(base64.length / PDF_BASE64_PER_TOKEN);
  for (const [key, entry] of Object.entries(value)) {
    if (base64 !== undefined && key === 'source') continue;
    // The client's own marks are no text of the conversation: a signature is long and costs nothing.
    if (key === 'signature' || key === 'cache_control') continue;
    weight.textBytes += key.length;
    weighValue(entry, weight, depth);
  }
}

/** Only what has a source is a block: a tool's schema may well have a property called `type`. */
function isBlock(value: Record<string, unknown>, type: string): boolean {
  return value.type === type && typeof value.source === 'object' && value.source !== null;
}

function base64Of(source: unknown): string | undefined {
  if (typeof source !== 'object' || source === null) return undefined;
  const { type, data } = source as { type?: unknown; data?: unknown };
  return type === 'base64' && typeof data === 'string' ? data : undefined;
}

function contentOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null ? (message as { content?: unknown }).content : undefined;
}

function contentHoldsImage(content: unknown, depth: number): boolean {
  if (!Array.isArray(content) || depth > MAX_DEPTH) return false;
  return content.some((block: unknown) => {
    if (typeof block !== 'object' || block === null) return false;
    return isBlock(block as Record<string, unknown>, 'image') || contentHoldsImage(contentOf(block), depth + 1);
  });
}
