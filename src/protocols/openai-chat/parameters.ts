import type { Target } from '../../core/target.ts';
import { jsonText } from '../json-text.ts';
import { outputSchema } from '../tool-schema.ts';
import type { RequestHead } from './request-parts.ts';
import { isThinking, thinkingParameters, thinkingWish } from './thinking.ts';
import { type ChatParameters, isRecord } from './types.ts';

export interface ParameterInput {
  readonly body: RequestHead;
  readonly target: Target;
  /** Name the client asked for. */
  readonly model: string;
  readonly stream: boolean;
  /** Asked for its key where the target takes one: making it costs something. */
  readonly context: { readonly cacheKey: string };
  note(text: string): void;
}

/** Everything beside messages and tools, in a fixed order so that equal requests give equal bytes. */
export function chatParameters(input: ParameterInput): ChatParameters {
  const { body, target } = input;
  const { chat: quirks } = target.quirks;
  const out: ChatParameters = { model: target.model ?? upstreamModel(input.model) };
  const limit = tokenLimit(body, target);
  const stream = input.stream || isTooLongForOnePiece(limit, target);
  if (stream) out.stream = true;
  if (stream && quirks.usageInStream) out.stream_options = { include_usage: true };
  if (limit !== undefined) out[quirks.maxTokensField] = limit;
  addSampling(out, body, target);
  addStops(out, input);
  Object.assign(out, thinkingParameters(thinkingWish(body), target, stream));
  addResponseFormat(out, body, target);
  const cacheKey = quirks.promptCacheKey ? input.context.cacheKey : '';
  if (cacheKey !== '') out.prompt_cache_key = cacheKey;
  return out;
}

/** The client marks a large window in the name; no upstream knows the mark. */
export function upstreamModel(model: string): string {
  return model.replace(/\[\d+m\]$/i, '');
}

function tokenLimit(body: RequestHead, target: Target): number | undefined {
  const { minOutputTokens } = target.quirks.chat;
  if (typeof body.max_tokens !== 'number') return undefined;
  const most = target.data.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  return Math.min(Math.max(body.max_tokens, minOutputTokens ?? 1), most);
}

function isTooLongForOnePiece(limit: number | undefined, target: Target): boolean {
  const { maxTokensUnstreamed } = target.quirks.chat;
  return maxTokensUnstreamed !== undefined && limit !== undefined && limit > maxTokensUnstreamed;
}

function addSampling(out: ChatParameters, body: RequestHead, target: Target): void {
  const { sampling: allowed, topK, minTemperature } = target.quirks.chat;
  if (!allowed) return;
  if (typeof body.temperature === 'number') out.temperature = Math.max(body.temperature, minTemperature ?? 0);
  if (typeof body.top_p === 'number') out.top_p = body.top_p;
  if (topK && typeof body.top_k === 'number') out.top_k = body.top_k;
}

function addStops(out: ChatParameters, { body, target, note }: ParameterInput): void {
  const { stop, maxStopSequences } = target.quirks.chat;
  if (!body.stop_sequences) return;
  const wanted = [...new Set(body.stop_sequences)].filter((each) => each !== '');
  if (wanted.length === 0) return;
  if (!stop) return note('stop sequences were left out: the model takes none');
  if (wanted.length > maxStopSequences) note(`only the first ${maxStopSequences} stop sequences were sent`);
  out.stop = wanted.slice(0, maxStopSequences);
}

/** The format that the client wants the answer in, wherever its version puts it. */
function wantedFormat(body: RequestHead): { readonly schema: unknown; readonly name: string } | undefined {
  const format = body.output_config?.format ?? body.output_format;
  if (!isRecord(format) || format.type !== 'json_schema') return undefined;
  const nested = isRecord(format.json_schema) ? format.json_schema : format;
  const name = typeof nested.name === 'string' ? nested.name.replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 64) : '';
  return { schema: nested.schema, name: name === '' ? 'answer' : name };
}

function addResponseFormat(out: ChatParameters, body: RequestHead, target: Target): void {
  const format = wantedFormat(body);
  if (format === undefined || !isOfObject(format.schema) || isOnlyDescribed(body, target)) return;
  const { structuredOutputs } = target.quirks.chat;
  if (structuredOutputs === 'json_object') out.response_format = { type: 'json_object' };
  const output = structuredOutputs === 'json_schema' ? outputSchema(format.schema) : undefined;
  if (output === undefined) return;
  const { schema, strict } = output;
  out.response_format = { type: 'json_schema', json_schema: { name: format.name, strict, schema } };
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
  return target.quirks.chat.responseFormatAlone.some((beside) => {
    if (beside === 'tools') return (body.tools ?? []).length > 0;
    const stream = body.stream === true;
    return beside === 'stream' ? stream : isThinking(thinkingWish(body), target, stream);
  });
}

function isOfObject(schema: unknown): boolean {
  return !isRecord(schema) || outputSchema(schema) !== undefined;
}
