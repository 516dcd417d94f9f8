/** What a scripted model answers, independent of the protocol that carries it. */
export interface Reply {
  readonly content: readonly ReplyBlock[];
  /** In the Messages API's words; derived from the content when missing. */
  readonly stopReason?: string;
  /** Name in the answer; the requested one when missing. */
  readonly model?: string;
  readonly id?: string;
  readonly usage?: Readonly<Record<string, number>>;
  /** Further fields of `message_delta.delta`. */
  readonly delta?: Readonly<Record<string, unknown>>;
}

export type ReplyBlock =
  | { readonly text: string }
  | { readonly thinking: string; readonly signature?: string | undefined }
  | { readonly tool: string; readonly input?: unknown; readonly id?: string; readonly rawInput?: string }
  /** Any block, sent whole in `content_block_start`. */
  | { readonly block: Readonly<Record<string, unknown>> };

/** One turn of a script: a text, a block or several. */
export type Step = string | ReplyBlock | readonly (string | ReplyBlock)[];

interface WireMessage {
  readonly role?: unknown;
  readonly content?: unknown;
}

export interface WireBody {
  readonly model?: unknown;
  readonly stream?: unknown;
  readonly system?: unknown;
  readonly tools?: unknown;
  readonly messages?: readonly WireMessage[];
  readonly output_config?: { readonly format?: { readonly schema?: unknown } };
  readonly [field: string]: unknown;
}

/** A prompt that contains `play:NAME` is answered from the script of that name. */
const MARKER = /\bplay:([A-Za-z0-9_-]+)/g;

export function replyOf(step: Step): Reply {
  const list = Array.isArray(step) ? (step as readonly (string | ReplyBlock)[]) : [step as string | ReplyBlock];
  return { content: list.map((part) => (typeof part === 'string' ? { text: part } : part)) };
}

export function stopReasonOf(reply: Reply): string {
  return reply.stopReason ?? (reply.content.some((block) => 'tool' in block) ? 'tool_use' : 'end_turn');
}

/**
 * The answer of a script: the last user message with a marker names it, and the number of assistant messages after
 * that one is the step, so that the upstream needs no memory and a repeated request gets the same answer.
 */
export function scriptedReply(body: WireBody, scripts: ReadonlyMap<string, readonly Step[]>): Reply | undefined {
  const messages = body.messages ?? [];
  for (let at = messages.length - 1; at >= 0; at--) {
    if (messages[at]?.role !== 'user') continue;
    const name = [...textOf(messages[at]?.content).matchAll(MARKER)].at(-1)?.[1];
    const steps = name === undefined ? undefined : scripts.get(name);
    if (steps === undefined) continue;
    const step = steps[messages.slice(at + 1).filter((message) => message.role === 'assistant').length];
    return step === undefined ? undefined : replyOf(step);
  }
  return undefined;
}

/** What a request without a script gets: an object that fits a demanded schema, a summary, or `fallback`. */
export function defaultReply(body: WireBody, fallback: string): Reply {
  const schema = body.output_config?.format?.schema;
  if (isRecord(schema) && schema.type === 'object') return { content: [{ text: JSON.stringify(minimum(schema)) }] };
  const last = textOf(body.messages?.at(-1)?.content);
  if (last.includes('<summary>') && last.includes('<analysis>')) {
    const summary = 'The conversation so far, in enough words to be taken for a summary. '.repeat(20);
    return { content: [{ text: `<analysis>\nall of it\n</analysis>\n\n<summary>\n${summary}\n</summary>` }] };
  }
  return { content: [{ text: fallback }] };
}

/** All text of a message's content, tool results left out. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((block: unknown) => (isRecord(block) && block.type === 'text' ? String(block.text) : ''))
    .join('\n');
}

/** The texts of all tool results of a conversation, in order. */
export function toolResultsOf(body: WireBody | undefined): string[] {
  return (body?.messages ?? []).flatMap(({ content }) =>
    Array.isArray(content)
      ? content
          .filter((block: unknown) => isRecord(block) && block.type === 'tool_result')
          .map((block: Record<string, unknown>) =>
            typeof block.content === 'string' ? block.content : textOf(block.content),
          )
      : [],
  );
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function minimum(schema: Record<string, unknown>): unknown {
  if (Array.isArray(schema.enum)) return schema.enum[0];
  switch (schema.type) {
    case 'object': {
      const properties = isRecord(schema.properties) ? schema.properties : {};
      return Object.fromEntries(
        Object.entries(properties).map(([key, value]) => [key, isRecord(value) ? minimum(value) : null]),
      );
    }
    case 'array':
      return [];
    case 'boolean':
      return true;
    case 'number':
    case 'integer':
      return 1;
    default:
      return 'a value';
  }
}
