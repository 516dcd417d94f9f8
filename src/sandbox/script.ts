import type { Block, Message, MessagesRequest } from '../core/messages.ts';

/** What a simulated model answers: blocks in order, or a fault. */
export interface Turn {
  readonly thinking: string | undefined;
  readonly text: string | undefined;
  readonly tools: readonly { readonly name: string; readonly input: unknown }[];
  readonly fault: SandboxFault | undefined;
}

/** Faults that a prompt can ask for: `@sandbox fault cut`. */
export const SANDBOX_FAULTS = [
  'cut',
  'stall',
  'empty',
  'overloaded',
  'rate-limit',
  'credential',
  'overflow',
  'garbage',
] as const;
export type SandboxFault = (typeof SANDBOX_FAULTS)[number];

const DIRECTIVE = /^[ \t]*@sandbox[ \t]+(say|think|tool|fault)[ \t]+(.+)$/gm;

/**
 * The answer of `model` to a request. A prompt can hold a script, one directive a line; a call of a tool ends a turn:
 *
 *     @sandbox think Where are we?
 *     @sandbox tool Bash {"command": "pwd"}
 *     @sandbox say That was the directory.
 *
 * Without one the model says who it is and repeats what it was told, so that a reader sees which model answered.
 */
export function answer(model: string, request: MessagesRequest): Turn {
  if (isClassifier(request)) return say('<block>yes</block>');
  const schema = request.output_config?.format?.schema;
  if (schema !== undefined) return say(JSON.stringify(instanceOf(schema)));
  const { messages } = request;
  const asked = messages.findLastIndex(isPrompt);
  const turns = turnsOf(textOf(messages[asked]?.content));
  if (turns.length === 0) return plainAnswer(model, messages);
  const done = messages.slice(asked + 1).filter((later) => later.role === 'assistant').length;
  return turns[done] ?? say(`(${model}) The script is at its end.`);
}

/** A message in which somebody speaks, not one that only brings the results of tools. */
function isPrompt(message: Message): boolean {
  if (message.role !== 'user') return false;
  return typeof message.content === 'string' || !message.content.some((block) => block.type === 'tool_result');
}

function plainAnswer(model: string, messages: readonly Message[]): Turn {
  const last = messages.findLast((message) => message.role === 'user');
  const result = Array.isArray(last?.content) ? last.content.find((block) => block.type === 'tool_result') : undefined;
  if (result) return say(`(${model}) The tool answered: ${shorten(textOf(result.content as string | Block[]))}`);
  // The client puts reminders and traces of its own commands before what was typed.
  const blocks =
    typeof last?.content === 'string' ? [last.content] : (last?.content ?? []).map((block) => textOf([block]));
  const text =
    blocks
      .map((block) => block.replace(/<system-reminder>[\s\S]*?<\/system-reminder>/g, '').trim())
      .findLast((block) => block !== '') ?? '';
  return {
    ...say(`I am ${model}, a simulated model. You said: ${shorten(text)}`),
    thinking: `A message of ${text.length} characters.`,
  };
}

function say(text: string): Turn {
  return { thinking: undefined, text, tools: [], fault: undefined };
}

function turnsOf(text: string): Turn[] {
  const turns: Turn[] = [];
  let open:
    | { thinking?: string; text?: string; tools: { name: string; input: unknown }[]; fault?: SandboxFault }
    | undefined;
  const close = () => {
    if (open) turns.push({ thinking: open.thinking, text: open.text, tools: open.tools, fault: open.fault });
    open = undefined;
  };
  for (const [, verb, rest] of text.matchAll(DIRECTIVE)) {
    const argument = (rest as string).trim();
    if (verb !== 'tool' && open && open.tools.length > 0) close();
    open ??= { tools: [] };
    if (verb === 'say') open.text = open.text === undefined ? argument : `${open.text}\n${argument}`;
    if (verb === 'think') open.thinking = argument;
    if (verb === 'fault') open.fault = SANDBOX_FAULTS.find((fault) => fault === argument) ?? 'garbage';
    if (verb === 'tool') open.tools.push(toolOf(argument));
  }
  close();
  return turns;
}

function toolOf(argument: string): { name: string; input: unknown } {
  const space = argument.indexOf(' ');
  if (space < 0) return { name: argument, input: {} };
  try {
    return { name: argument.slice(0, space), input: JSON.parse(argument.slice(space + 1)) };
  } catch {
    return { name: argument.slice(0, space), input: {} };
  }
}

/** A permission check is never waved through by a simulation. */
function isClassifier(request: MessagesRequest): boolean {
  return request.stop_sequences?.includes('</block>') === true;
}

function textOf(content: string | readonly Block[] | undefined): string {
  if (typeof content === 'string') return content;
  return (content ?? []).map((block) => (typeof block.text === 'string' ? block.text : '')).join('\n');
}

function shorten(text: string): string {
  const flat = text.replace(/\s+/g, ' ').trim();
  return flat.length > 160 ? `${flat.slice(0, 160)}…` : flat;
}

/** The least value that a JSON schema accepts, as far as this goes: types, properties, enums. */
function instanceOf(schema: unknown): unknown {
  const {
    type,
    properties,
    enum: values,
  } = (schema ?? {}) as { type?: string; properties?: Record<string, unknown>; enum?: unknown[] };
  if (values && values.length > 0) return values[0];
  if (type === 'object' || properties) {
    return Object.fromEntries(Object.entries(properties ?? {}).map(([name, property]) => [name, instanceOf(property)]));
  }
  if (type === 'array') return [];
  if (type === 'boolean') return true;
  if (type === 'integer' || type === 'number') return 1;
  return 'a simulated value';
}
