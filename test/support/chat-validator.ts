/**
 * What a strict Chat Completions server demands of a request, written from its documentation alone, without a look at
 * the translator. Gives the faults as texts; none is right.
 */
export function chatFaults(request: unknown): string[] {
  const faults: string[] = [];
  const body = request as Record<string, unknown>;
  const known = new Set(KEYS);
  for (const key of Object.keys(body)) if (!known.has(key)) faults.push(`unknown key ${key}`);
  if (typeof body.model !== 'string' || body.model === '') faults.push('model is missing');
  const messages = Array.isArray(body.messages) ? (body.messages as Message[]) : [];
  if (messages.every((message) => message.role === 'system' || message.role === 'developer'))
    faults.push('no dialogue');
  let waiting: string[] = [];
  messages.forEach((message, at) => {
    const fault = (text: string): void => void faults.push(`messages.${at} (${message.role}): ${text}`);
    if (message.role !== 'tool' && waiting.length > 0) fault(`calls ${waiting.join(', ')} have no result`);
    switch (message.role) {
      case 'system':
      case 'developer':
      case 'user':
        checkContent(message.content, fault, message.role === 'user');
        waiting = [];
        break;
      case 'assistant': {
        const calls = message.tool_calls ?? [];
        const isEmpty = message.content === null || message.content === undefined || message.content === '';
        if (isEmpty && calls.length === 0) fault('says nothing');
        if (Array.isArray(message.content)) checkThinking(message.content, fault);
        else if (message.content !== null && typeof message.content !== 'string') fault('content is no text');
        if (message.tool_calls !== undefined && calls.length === 0) fault('tool_calls is empty');
        for (const call of calls) checkCall(call, fault);
        waiting = calls.map((call) => call.id);
        if (new Set(waiting).size !== waiting.length) fault('two calls have one id');
        break;
      }
      case 'tool': {
        const id = message.tool_call_id ?? '';
        if (!waiting.includes(id)) fault(`no call ${id} waits for a result`);
        waiting = waiting.filter((each) => each !== id);
        checkContent(message.content, fault, false);
        break;
      }
      default:
        fault('unknown role');
    }
  });
  if (waiting.length > 0) faults.push(`calls ${waiting.join(', ')} have no result at the end`);
  checkTools(body, faults);
  return faults;
}

const KEYS = [
  'model',
  'messages',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'stop',
  'response_format',
  'reasoning_effort',
  'prompt_cache_key',
];

interface Call {
  id: string;
  type: string;
  function: { name: string; arguments: string };
}

interface Message {
  role: string;
  content?: unknown;
  tool_calls?: Call[];
  tool_call_id?: string;
}

/** Mistral's form: thought first, then what was said. */
function checkThinking(parts: readonly Record<string, unknown>[], fault: (text: string) => void): void {
  const [first, ...rest] = parts;
  if (first?.type !== 'thinking' || !Array.isArray(first.thinking)) fault('content in parts without thinking');
  if (rest.length > 1) fault('more than one text');
  if (rest.length > 0) checkContent(rest, fault, false);
}

function checkContent(content: unknown, fault: (text: string) => void, isUser: boolean): void {
  if (typeof content === 'string') {
    if (content === '') fault('content is empty');
    return;
  }
  if (!Array.isArray(content) || content.length === 0) {
    fault('content is neither text nor parts');
    return;
  }
  for (const part of content as Record<string, unknown>[]) {
    if (part.type === 'text' && typeof part.text === 'string' && part.text !== '') continue;
    const url = (part.image_url as { url?: unknown } | undefined)?.url;
    if (isUser && part.type === 'image_url' && typeof url === 'string' && /^(?:https?:|data:[^,]+;base64,.)/.test(url))
      continue;
    if (isUser && part.type === 'file') continue;
    fault(`part of type ${String(part.type)} is not allowed or empty`);
  }
}

function checkCall(call: Call, fault: (text: string) => void): void {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(call.id)) fault(`call id ${call.id} is illegal`);
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(call.function.name)) fault(`tool name ${call.function.name} is illegal`);
  try {
    const input: unknown = JSON.parse(call.function.arguments);
    if (typeof input !== 'object' || input === null || Array.isArray(input)) fault('arguments are no object');
  } catch {
    fault('arguments are no JSON');
  }
}

function checkTools(body: Record<string, unknown>, faults: string[]): void {
  if (body.tools === undefined) {
    if (body.tool_choice !== undefined) faults.push('tool_choice without tools');
    if (body.parallel_tool_calls !== undefined) faults.push('parallel_tool_calls without tools');
    return;
  }
  const tools = body.tools as { type: string; function: { name: string; parameters: Record<string, unknown> } }[];
  if (tools.length === 0) faults.push('tools is empty');
  const names = tools.map((tool) => tool.function.name);
  if (new Set(names).size !== names.length) faults.push('tool names are not unique');
  for (const { function: fn } of tools) {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(fn.name)) faults.push(`tool name ${fn.name} is illegal`);
    if (fn.parameters.type !== 'object') faults.push(`${fn.name}: the schema is no object`);
    if (typeof fn.parameters.properties !== 'object') faults.push(`${fn.name}: the schema has no properties`);
    for (const key of ['anyOf', 'oneOf', 'allOf'])
      if (key in fn.parameters) faults.push(`${fn.name}: ${key} at the root`);
  }
  const choice = body.tool_choice as { function?: { name: string } } | string | undefined;
  if (typeof choice === 'object' && !names.includes(choice.function?.name ?? ''))
    faults.push('tool_choice names no tool');
}
