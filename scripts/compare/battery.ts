import type { Answer, ReadBlock, SendOptions } from './answer.ts';
import type { Tool } from './tools.ts';
import type { CaseUpstream, ChatMessage, Respond, Seen } from './upstream.ts';

/** One behaviour at the wire, the same for every tool. */
export interface Case {
  readonly id: string;
  readonly group: Group;
  readonly title: string;
  /** What has to be seen, in the report's words. */
  readonly expects: string;
  /** Why the case says nothing about a tool, by its id. */
  readonly notFor?: Readonly<Record<string, string>>;
  run(bench: Bench): Promise<Verdict>;
}

export type Group = 'Streams' | 'Tool calls' | 'Requests' | 'Errors' | 'Connection and probes';

export interface Verdict {
  readonly passed: boolean;
  /** What was seen, in a few words. */
  readonly seen: string;
}

export interface Bench {
  readonly tool: Tool;
  readonly upstream: CaseUpstream;
  /** Asks the tool as its client does; `body` is laid over a small streamed request. */
  ask(body?: Readonly<Record<string, unknown>>, options?: SendOptions): Promise<Answer>;
  /** Any other call to the tool. */
  send(path: string, options: SendOptions): Promise<Answer>;
}

/** A case that asks once, of an upstream that answers so. */
export function oneAnswer(
  about: Omit<Case, 'run'>,
  respond: Respond,
  judge: (answer: Answer, bench: Bench) => Verdict,
  body: Readonly<Record<string, unknown>> = {},
): Case {
  return {
    ...about,
    async run(bench) {
      bench.upstream.begin(respond);
      return judge(await bench.ask(body), bench);
    },
  };
}

/** A case that looks at the request which reaches the upstream. */
export function oneRequest(
  about: Omit<Case, 'run'>,
  respond: Respond,
  body: Readonly<Record<string, unknown>>,
  judge: (seen: Seen, answer: Answer) => Verdict,
): Case {
  return {
    ...about,
    async run(bench) {
      bench.upstream.begin(respond);
      const answer = await bench.ask(body);
      const [seen] = bench.upstream.seen;
      if (seen === undefined) return { passed: false, seen: `no request reached the upstream; ${outcome(answer)}` };
      return judge(seen, answer);
    },
  };
}

export function verdict(passed: boolean, seen: string): Verdict {
  return { passed, seen };
}

/** How an answer ended, in a few words. */
export function outcome({ status, complete, error, stopReason, broken, text }: Answer): string {
  if (status >= 400) return `status ${status}, ${shorten(error ?? (text || 'no body'))}`;
  if (complete) return `a finished answer, stop reason ${stopReason || 'none'}`;
  if (error !== undefined) return `an error event, ${shorten(error)}`;
  return `${broken ? 'a broken connection' : 'an end without `message_stop`'}${text === '' ? ', no body' : ''}`;
}

/** Nobody can take this answer for a finished one. */
export function isNoAnswer({ status, complete }: Answer): boolean {
  return status >= 400 || !complete;
}

/** Blocks in short: `text "a"`, `tool_use Read {"a":1}`. */
export function content(blocks: readonly ReadBlock[]): string {
  return blocks.map(({ type, name, text }) => `${type}${name && ` ${name}`} ${shorten(text)}`).join(' + ') || 'nothing';
}

/** What the client could not follow, or the content. */
export function sight({ problems, blocks }: Answer): string {
  return problems.length > 0 ? `${[...new Set(problems)].join('; ')}` : content(blocks);
}

/** The messages in short: `user`, `assistant[t1]`, `tool(t1)`. */
export function shape(messages: readonly ChatMessage[] = []): string {
  return messages
    .map(({ role, tool_calls, tool_call_id }) => {
      const calls = tool_calls?.length ? `[${tool_calls.map(({ id }) => id).join(' ')}]` : '';
      return `${role}${calls}${tool_call_id === undefined ? '' : `(${tool_call_id})`}`;
    })
    .join(', ');
}

/** What a strict server says of calls and results; nothing when all is in order. */
export function pairingFault(messages: readonly ChatMessage[] = []): string | undefined {
  let waiting: string[] = [];
  for (const { role, tool_calls, tool_call_id } of messages) {
    if (role === 'tool') {
      if (!waiting.includes(tool_call_id ?? '')) return `a result for ${tool_call_id}, which no call waits for`;
      waiting = waiting.filter((id) => id !== tool_call_id);
      continue;
    }
    if (waiting.length > 0) return `no result for ${waiting.join(', ')} before the next message`;
    waiting = (tool_calls ?? []).map(({ id }) => id);
  }
  return waiting.length > 0 ? `no result for ${waiting.join(', ')}` : undefined;
}

export function shorten(text: string): string {
  const line = text
    .replace(/\s+/g, ' ')
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1')
    .trim();
  return line.length > 120 ? `${line.slice(0, 120)}…` : line;
}
