import type { TextToolCallFormat } from '../core/target.ts';

export interface TextToolCall {
  readonly name: string;
  /** JSON text of an object. */
  readonly arguments: string;
}

/** The tool's input schema; `undefined` when no such tool is declared. */
export type SchemaOf = (name: string) => unknown;

export interface Notation {
  readonly format: TextToolCallFormat;
  /** Where it begins; what follows has to match `head` as far as it is there. */
  readonly start: string;
  /** `undefined`: the token that ends it ends the answer too, and is not always shown. */
  readonly end: string | undefined;
  /** Counts at the very beginning of the text only. */
  readonly atStart?: true;
  /** Matches every beginning of what can stand behind `start`. */
  readonly head: RegExp;
  /** Calls between `start` and `end`, or `undefined` when it is something else. */
  parse(inside: string, schemaOf: SchemaOf): TextToolCall[] | undefined;
}

type Fields = Record<string, unknown>;

/** Notations in which models write calls into their text, after their chat templates. */
export const NOTATIONS: readonly Notation[] = [
  {
    format: 'kimi',
    start: '<|tool_calls_section_begin|>',
    end: '<|tool_calls_section_end|>',
    head: prefixes('<|tool_call_begin|>', '\\s*'),
    parse: parseKimi,
  },
  {
    format: 'kimi',
    start: '<|tool_call_begin|>',
    end: '<|tool_call_end|>',
    head: /^[^<]*/,
    parse: (inside) => parseKimi(`<|tool_call_begin|>${inside}<|tool_call_end|>`),
  },
  ...['function_calls', 'tool_calls'].map(
    (tag): Notation => ({
      format: 'dsml',
      start: `<｜DSML｜${tag}>`,
      end: `</｜DSML｜${tag}>`,
      head: prefixes('<｜DSML｜invoke name="', '\\s*'),
      parse: parseDsml,
    }),
  ),
  {
    format: 'deepseek',
    start: '<｜tool▁calls▁begin｜>',
    end: '<｜tool▁calls▁end｜>',
    head: prefixes('<｜tool▁call▁begin｜>', '\\s*'),
    parse: parseDeepseek,
  },
  {
    format: 'qwen-xml',
    start: '<tool_call>',
    end: '</tool_call>',
    head: prefixes('<function=', '\\s*'),
    parse: parseQwen,
  },
  {
    format: 'qwen-xml',
    start: '<function=',
    end: '</function>',
    head: /^[\w.:/-]*(?:>[\s\S]*)?$/,
    parse: (inside, schemaOf) => parseQwen(`<function=${inside}</function>`, schemaOf),
  },
  { format: 'hermes', start: '<tool_call>', end: '</tool_call>', head: /^\s*(?:\{[\s\S]*)?$/, parse: parseHermes },
  {
    format: 'glm',
    start: '<tool_call>',
    end: '</tool_call>',
    head: /^\s*(?:[\w.:/-]+\s*(?:<[\s\S]*)?)?$/,
    parse: parseGlm,
  },
  {
    format: 'minimax',
    start: '<minimax:tool_call>',
    end: '</minimax:tool_call>',
    head: prefixes('<invoke name="', '\\s*'),
    parse: (inside, schemaOf) => parseInvokes(inside, schemaOf, ''),
  },
  {
    format: 'llama',
    start: '<function=',
    end: '</function>',
    head: /^[\w.:/-]*(?:[=>,]?\s*(?:\{[\s\S]*)?)?$/,
    parse: parseLlama,
  },
  { format: 'llama', start: '<|python_tag|>', end: undefined, head: /^\s*(?:\{[\s\S]*)?$/, parse: parseObjects },
  // Servers that hide special tokens leave only what stands behind them.
  ...['"name"', '"type"'].map(
    (key): Notation => ({
      format: 'llama',
      start: '{',
      end: undefined,
      atStart: true,
      head: prefixes(key, '\\s*'),
      parse: (inside) => parseObjects(`{${inside}`),
    }),
  ),
  {
    format: 'mistral',
    start: '[TOOL_CALLS]',
    end: undefined,
    head: /^\s*(?:\[[\s\S]*|[\w.:/-]+(?:[[{][\s\S]*)?)?$/,
    parse: parseMistral,
  },
  {
    format: 'mistral',
    start: '[',
    end: undefined,
    atStart: true,
    head: prefixes('"name"', '\\s*(?:\\{\\s*)?'),
    parse: (inside) => parseObjects(`[${inside}`),
  },
  ...['<|start|>assistant<|channel|>commentary to=functions.', '<|channel|>commentary to=functions.'].map(
    (start): Notation => ({
      format: 'harmony',
      start,
      end: undefined,
      head: /^[\w.:/-]*(?:\s*(?:<[\s\S]*)?)?$/,
      parse: parseHarmony,
    }),
  ),
];

/** A pattern that matches every beginning of `lead` followed by `literal`, and everything behind it. */
function prefixes(literal: string, lead: string): RegExp {
  let pattern = '[\\s\\S]*';
  for (const letter of [...literal].reverse()) pattern = `(?:${escapeForPattern(letter)}${pattern})?`;
  return new RegExp(`^${lead}${pattern}$`);
}

function escapeForPattern(letter: string): string {
  return letter.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function parseKimi(inside: string): TextToolCall[] | undefined {
  const calls: TextToolCall[] = [];
  const pattern = /<\|tool_call_begin\|>\s*([^<\s]+?)\s*<\|tool_call_argument_begin\|>([\s\S]*?)<\|tool_call_end\|>/g;
  for (const [, id, json] of inside.matchAll(pattern)) {
    const name = (id ?? '').replace(/^functions\./, '').replace(/:\d+$/, '');
    const text = objectText(json ?? '');
    if (text === undefined) return undefined;
    calls.push({ name, arguments: text });
  }
  return calls.length === 0 ? undefined : calls;
}

function parseDsml(inside: string, schemaOf: SchemaOf): TextToolCall[] | undefined {
  return parseInvokes(inside, schemaOf, '｜DSML｜');
}

function parseInvokes(inside: string, schemaOf: SchemaOf, mark: string): TextToolCall[] | undefined {
  const calls: TextToolCall[] = [];
  const invokes = new RegExp(`<${mark}invoke name="([^"]+)"[^>]*>([\\s\\S]*?)</${mark}invoke>`, 'g');
  const parameters = new RegExp(
    `<${mark}parameter name="([^"]+)"(?: string="(true|false)")?[^>]*>([\\s\\S]*?)</${mark}parameter>`,
    'g',
  );
  for (const [, name, body] of inside.matchAll(invokes)) {
    const fields: Fields = {};
    for (const [, key, isString, value] of (body ?? '').matchAll(parameters)) {
      if (key === undefined || value === undefined) continue;
      fields[key] =
        isString === 'true' ? value : typed(value, propertyOf(schemaOf(name ?? ''), key), isString === 'false');
    }
    calls.push({ name: name ?? '', arguments: JSON.stringify(fields) });
  }
  return calls.length === 0 ? undefined : calls;
}

function parseDeepseek(inside: string): TextToolCall[] | undefined {
  const calls: TextToolCall[] = [];
  for (const [, body] of inside.matchAll(/<｜tool▁call▁begin｜>([\s\S]*?)<｜tool▁call▁end｜>/g)) {
    const [before, after] = (body ?? '').split('<｜tool▁sep｜>');
    if (before === undefined || after === undefined) return undefined;
    const fenced = /^\s*([^\s`]+)\s*```(?:json)?\s*([\s\S]*?)```\s*$/.exec(after);
    const name = fenced?.[1] ?? before.trim();
    const text = objectText(fenced?.[2] ?? after);
    if (text === undefined) return undefined;
    calls.push({ name, arguments: text });
  }
  return calls.length === 0 ? undefined : calls;
}

function parseQwen(inside: string, schemaOf: SchemaOf): TextToolCall[] | undefined {
  const calls: TextToolCall[] = [];
  for (const [, name, body] of inside.matchAll(/<function=([^>\s]+)>([\s\S]*?)<\/function>/g)) {
    const fields: Fields = {};
    for (const [, key, value] of (body ?? '').matchAll(/<parameter=([^>]+)>\n?([\s\S]*?)\n?<\/parameter>/g)) {
      if (key !== undefined && value !== undefined) fields[key] = typed(value, propertyOf(schemaOf(name ?? ''), key));
    }
    if (Object.keys(fields).length === 0 && (body ?? '').trim() !== '') return undefined;
    calls.push({ name: name ?? '', arguments: JSON.stringify(fields) });
  }
  return calls.length === 0 ? undefined : calls;
}

function parseHermes(inside: string): TextToolCall[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(inside);
  } catch {
    return undefined;
  }
  const calls: TextToolCall[] = [];
  for (const each of Array.isArray(value) ? value : [value]) {
    if (typeof each !== 'object' || each === null) return undefined;
    const { name, arguments: given, parameters } = each as Fields;
    const input = given ?? parameters ?? {};
    const text = typeof input === 'string' ? objectText(input) : JSON.stringify(input);
    if (typeof name !== 'string' || text === undefined) return undefined;
    calls.push({ name, arguments: text });
  }
  return calls.length === 0 ? undefined : calls;
}

function parseGlm(inside: string, schemaOf: SchemaOf): TextToolCall[] | undefined {
  const name = /^\s*([\w.:/-]+)\s*(?=<arg_key>|$)/.exec(inside)?.[1];
  if (name === undefined) return undefined;
  const fields: Fields = {};
  for (const [, key, value] of inside.matchAll(
    /<arg_key>([\s\S]*?)<\/arg_key>\s*<arg_value>([\s\S]*?)<\/arg_value>/g,
  )) {
    if (key !== undefined && value !== undefined)
      fields[key.trim()] = typed(value, propertyOf(schemaOf(name), key.trim()));
  }
  return [{ name, arguments: JSON.stringify(fields) }];
}

function parseLlama(inside: string): TextToolCall[] | undefined {
  const match = /^([\w.:/-]+)[=>,]?\s*(\{[\s\S]*\})\s*>?\s*$/.exec(inside);
  const text = match === null ? undefined : objectText(match[2] ?? '');
  return match === null || text === undefined ? undefined : [{ name: match[1] ?? '', arguments: text }];
}

/** What is left of the tokens that end an answer. */
const ENDING = /(?:\s*(?:<\|[a-z_]+\|>|<\/s>))+\s*$/;

/** Calls as JSON objects: one, a list of them, or several divided by semicolons. */
function parseObjects(inside: string): TextToolCall[] | undefined {
  const text = inside.replace(ENDING, '').trim();
  for (const each of [text, `[${text.replace(/\}\s*;\s*\{/g, '},{')}]`]) {
    try {
      return callsOf(JSON.parse(each));
    } catch {
      // The other form, or no call.
    }
  }
  return undefined;
}

function callsOf(value: unknown): TextToolCall[] | undefined {
  const calls: TextToolCall[] = [];
  for (const each of Array.isArray(value) ? value : [value]) {
    if (!isFields(each)) return undefined;
    const { name, arguments: given, parameters } = isFields(each.function) ? each.function : each;
    const input = given ?? parameters;
    const text = typeof input === 'string' ? objectText(input) : isFields(input) ? JSON.stringify(input) : undefined;
    if (typeof name !== 'string' || text === undefined) return undefined;
    calls.push({ name, arguments: text });
  }
  return calls.length === 0 ? undefined : calls;
}

function parseMistral(inside: string): TextToolCall[] | undefined {
  const text = inside.replace(ENDING, '').trim();
  if (text.startsWith('[')) return parseObjects(text);
  const calls: TextToolCall[] = [];
  for (const each of text.split('[TOOL_CALLS]')) {
    const [, name, json] = /^\s*([\w.:/-]+)(?:\[CALL_ID\]\w+)?(?:\[ARGS\])?\s*(\{[\s\S]*\})\s*$/.exec(each) ?? [];
    const input = json === undefined ? undefined : objectText(json);
    if (name === undefined || input === undefined) return undefined;
    calls.push({ name, arguments: input });
  }
  return calls;
}

function parseHarmony(inside: string): TextToolCall[] | undefined {
  const [, name, json] =
    /^([\w.:/-]+)\s*(?:<\|constrain\|>\s*json)?\s*<\|message\|>(\s*\{[\s\S]*\})\s*$/.exec(inside.replace(ENDING, '')) ??
    [];
  const input = json === undefined ? undefined : objectText(json);
  return name === undefined || input === undefined ? undefined : [{ name, arguments: input }];
}

/** The text itself if it is a JSON object; an empty one for nothing. */
function objectText(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return '{}';
  try {
    const value: unknown = JSON.parse(trimmed);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? trimmed : undefined;
  } catch {
    return undefined;
  }
}

function propertyOf(schema: unknown, name: string): unknown {
  const properties = isFields(schema) ? schema.properties : undefined;
  return isFields(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** A value written without quotes, in the type that the schema wants; a string where it says nothing else. */
function typed(text: string, property: unknown, isJson = false): unknown {
  const type = isFields(property) ? property.type : undefined;
  const wanted = Array.isArray(type) ? type : [type];
  if (!isJson && (wanted.includes('string') || (type === undefined && isFields(property)))) return text;
  try {
    const value: unknown = JSON.parse(text.trim());
    return type === undefined && !isJson && typeof value !== 'object' ? text : value;
  } catch {
    return text;
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
