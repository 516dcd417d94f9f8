import type { Mint, Wire } from './messages-wire.ts';
import { pieces, tokensOf } from './messages-wire.ts';
import type { Reply, WireBody } from './reply.ts';
import { stopReasonOf } from './reply.ts';

/** A fixed point in time: equal requests give equal answers. */
const CREATED_S = 1_700_000_000;

/** The reply as Chat Completions chunks, without the final `[DONE]`. */
export function chatChunks(reply: Reply, body: WireBody, wire: Wire, mint: Mint): Record<string, unknown>[] {
  const base = {
    id: reply.id ?? mint('chatcmpl'),
    object: 'chat.completion.chunk',
    created: CREATED_S,
    model: wire.model ?? reply.model ?? body.model,
  };
  const chunks: Record<string, unknown>[] = [];
  const add = (delta: Record<string, unknown>, finish: string | null = null): void => {
    chunks.push({ ...base, choices: [{ index: 0, delta, finish_reason: finish }] });
  };
  add({ role: 'assistant', content: '' });
  let call = -1;
  for (const block of reply.content) {
    if ('text' in block) for (const content of pieces(block.text, wire)) add({ content });
    else if ('thinking' in block)
      for (const reasoning_content of pieces(block.thinking, wire)) add({ reasoning_content });
    else if ('tool' in block) {
      call += 1;
      const index = call;
      const id = block.id ?? mint('call');
      add({ tool_calls: [{ index, id, type: 'function', function: { name: block.tool, arguments: '' } }] });
      const json = block.rawInput ?? JSON.stringify(block.input ?? {});
      for (const text of pieces(json, wire)) add({ tool_calls: [{ index, function: { arguments: text } }] });
    }
  }
  add({}, finishOf(reply));
  if (!wire.noUsage) chunks.push({ ...base, choices: [], usage: usageOf(reply, body) });
  return chunks;
}

/** The same reply as one JSON completion. */
export function wholeCompletion(reply: Reply, body: WireBody, wire: Wire, mint: Mint): Record<string, unknown> {
  const text = reply.content.map((block) => ('text' in block ? block.text : '')).join('');
  const reasoning = reply.content.map((block) => ('thinking' in block ? block.thinking : '')).join('');
  const calls = reply.content.flatMap((block) =>
    'tool' in block
      ? [
          {
            id: block.id ?? mint('call'),
            type: 'function',
            function: { name: block.tool, arguments: block.rawInput ?? JSON.stringify(block.input ?? {}) },
          },
        ]
      : [],
  );
  return {
    id: reply.id ?? mint('chatcmpl'),
    object: 'chat.completion',
    created: CREATED_S,
    model: wire.model ?? reply.model ?? body.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text === '' ? null : text,
          ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
          ...(calls.length === 0 ? {} : { tool_calls: calls }),
        },
        finish_reason: finishOf(reply),
      },
    ],
    ...(wire.noUsage ? {} : { usage: usageOf(reply, body) }),
  };
}

function finishOf(reply: Reply): string {
  const words: Record<string, string> = { tool_use: 'tool_calls', max_tokens: 'length', refusal: 'content_filter' };
  return words[stopReasonOf(reply)] ?? 'stop';
}

function usageOf(reply: Reply, body: WireBody): Record<string, number> {
  const prompt = reply.usage?.input_tokens ?? tokensOf(body);
  const completion = reply.usage?.output_tokens ?? 10;
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}
