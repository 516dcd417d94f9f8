import type { Target } from '../../core/target.ts';
import { jsonText } from '../json-text.ts';
import { outputSchema } from '../tool-schema.ts';
import type { RequestHead } from './request-parts.ts';
import { thinkingParameters, thinkingWish } from './thinking.ts';
import { type ChatParameters, isRecord } from './types.ts';

export interface ParameterInput {
  readonly body: RequestHead;
  readonly target: Target;
  /** Name the client asked for. */
  readonly model: string;
  readonly stream: boolean;
  readonly cacheKey: string;
  note(text: string): void;
}

/** Everything beside messages and tools, in a fixed order so that equal requests give equal bytes. */
export function chatParameters(input: ParameterInput): ChatParameters {
  const { body, target } = input;
  const { chat: quirks } = target.quirks;
  const limit = tokenLimit(body, target);
  const stream = input.stream || isTooLongForOnePiece(limit, target);
  return {
    model: target.model ?? upstreamModel(input.model),
    ...(stream ? { stream: true } : {}),
    ...(stream && quirks.usageInStream ? { stream_options: { include_usage: true } } : {}),
    ...limit,
    ...sampling(body, target),
    ...stops(input),
    ...thinkingParameters(thinkingWish(body), target, stream),
    ...responseFormat(body, target),
    ...(quirks.promptCacheKey && input.cacheKey !== '' ? { prompt_cache_key: input.cacheKey } : {}),
  };
}

/** The client marks a large window in the name; no upstream knows the mark. */
export function upstreamModel(model: string): string {
  return model.replace(/\[\d+m\]$/i, '');
}

function tokenLimit(body: RequestHead, target: Target): Record<string, number> {
  const { maxTokensField, minOutputTokens } = target.quirks.chat;
  if (typeof body.max_tokens !== 'number') return {};
  const most = target.data.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  return { [maxTokensField]: Math.min(Math.max(body.max_tokens, minOutputTokens ?? 1), most) };
}

function isTooLongForOnePiece(limit: Record<string, number>, target: Target): boolean {
  const { maxTokensUnstreamed } = target.quirks.chat;
  return maxTokensUnstreamed !== undefined && Object.values(limit).some((tokens) => tokens > maxTokensUnstreamed);
}

function sampling(body: RequestHead, target: Target): Record<string, number> {
  const { sampling: allowed, topK } = target.quirks.chat;
  const out: Record<string, number> = {};
  if (!allowed) return out;
  if (typeof body.temperature === 'number') out.temperature = body.temperature;
  if (typeof body.top_p === 'number') out.top_p = body.top_p;
  if (topK && typeof body.top_k === 'number') out.top_k = body.top_k;
  return out;
}

function stops(input: ParameterInput): Record<string, string[]> {
  const { stop, maxStopSequences } = input.target.quirks.chat;
  const wanted = [...new Set(input.body.stop_sequences ?? [])].filter((each) => each !== '');
  if (wanted.length === 0) return {};
  if (!stop) {
    input.note('stop sequences were left out: the model takes none');
    return {};
  }
  if (wanted.length > maxStopSequences) input.note(`only the first ${maxStopSequences} stop sequences were sent`);
  return { stop: wanted.slice(0, maxStopSequences) };
}

/** The format that the client wants the answer in, wherever its version puts it. */
function wantedFormat(body: RequestHead): { readonly schema: unknown; readonly name: string } | undefined {
  const format = body.output_config?.format ?? body.output_format;
  if (!isRecord(format) || format.type !== 'json_schema') return undefined;
  const nested = isRecord(format.json_schema) ? format.json_schema : format;
  const name = typeof nested.name === 'string' ? nested.name.replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 64) : '';
  return { schema: nested.schema, name: name === '' ? 'answer' : name };
}

function responseFormat(body: RequestHead, target: Target): Record<string, unknown> {
  const format = wantedFormat(body);
  if (format === undefined || !isOfObject(format.schema) || isOnlyDescribed(body, target)) return {};
  switch (target.quirks.chat.structuredOutputs) {
    case 'json_schema': {
      const output = outputSchema(format.schema);
      if (output === undefined) return {};
      const { schema, strict } = output;
      return { response_format: { type: 'json_schema', json_schema: { name: format.name, strict, schema } } };
    }
    case 'json_object':
      return { response_format: { type: 'json_object' } };
    case 'none':
      return {};
  }
}

/** What a provider without schemas has to be told in words, or every one for what is no object; the word JSON is demanded
 * beside `json_object`. */
export function formatInstruction(body: RequestHead, target: Target): string | undefined {
  const format = wantedFormat(body);
  if (format === undefined) return undefined;
  const isTaken = target.quirks.chat.structuredOutputs === 'json_schema' && !isOnlyDescribed(body, target);
  if (isTaken && outputSchema(format.schema)) return undefined;
  const kind = isOfObject(format.schema) ? 'object' : 'value';
  return `Answer with one JSON ${kind} and nothing else. It must match this JSON schema:\n${jsonText(format.schema ?? {})}`;
}

/** The request has something beside which the parameter is refused. */
function isOnlyDescribed(body: RequestHead, target: Target): boolean {
  const { responseFormatAlone } = target.quirks.chat;
  if (responseFormatAlone.length === 0) return false;
  const hasTools = responseFormatAlone.includes('tools') && (body.tools ?? []).length > 0;
  return hasTools || (responseFormatAlone.includes('stream') && body.stream === true);
}

function isOfObject(schema: unknown): boolean {
  return !isRecord(schema) || outputSchema(schema) !== undefined;
}
