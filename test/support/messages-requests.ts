/**
 * What a strict Messages server demands of a request, written from the API's documentation and error texts alone,
 * without a look at what writes such requests. Gives the faults as texts; none is right.
 */
export function messagesFaults(request: unknown, rules: MessagesRules = {}): string[] {
  return new Reading(request as Body, rules).faults;
}

export interface MessagesRules {
  /** Signatures that this server made. Every other one is a fault; without it any text will do. */
  readonly signatures?: ReadonlySet<string>;
  /**
   * Anthropic itself: takes `role: "system"` inside `messages`, and with a thinking budget wants the running turn to
   * begin with thinking. Compatible endpoints do neither.
   */
  readonly anthropic?: boolean;
}

interface Body {
  readonly model?: unknown;
  readonly max_tokens?: unknown;
  readonly system?: unknown;
  readonly thinking?: { readonly type?: unknown; readonly budget_tokens?: unknown };
  readonly tools?: readonly { readonly name?: unknown; readonly type?: unknown; readonly input_schema?: unknown }[];
  readonly messages?: readonly Message[];
}

interface Message {
  readonly role?: unknown;
  readonly content?: unknown;
}

type Block = Readonly<Record<string, unknown>>;

const ID = /^[A-Za-z0-9_-]+$/;
const NAME = /^[A-Za-z0-9_-]{1,128}$/;
const MOST_BREAKPOINTS = 4;

class Reading {
  readonly faults: string[] = [];
  readonly #rules: MessagesRules;
  readonly #ids = new Set<string>();
  #breakpoints = 0;
  /** Calls of the last assistant turn that have no result yet. */
  #waiting: string[] = [];

  constructor(body: Body, rules: MessagesRules) {
    this.#rules = rules;
    if (typeof body.model !== 'string' || body.model === '') this.#fault('model', 'is missing');
    if (typeof body.max_tokens !== 'number' || body.max_tokens < 1) this.#fault('max_tokens', 'is no positive number');
    if (Array.isArray(body.system)) this.#texts(body.system as Block[], 'system');
    this.#tools(body);
    this.#messages(body);
    if (this.#breakpoints > MOST_BREAKPOINTS) this.#fault('cache_control', `${this.#breakpoints} breakpoints`);
  }

  #fault(where: string, what: string): void {
    this.faults.push(`${where}: ${what}`);
  }

  #tools({ tools = [] }: Body): void {
    const names = tools.map((tool) => String(tool.name));
    if (new Set(names).size !== names.length) this.#fault('tools', 'names are not unique');
    tools.forEach((tool, at) => {
      if (!NAME.test(String(tool.name))) this.#fault(`tools.${at}`, `name ${String(tool.name)} is illegal`);
      const isOwn = tool.type === undefined || tool.type === 'custom';
      const schema = tool.input_schema as { type?: unknown } | undefined;
      if (isOwn && schema?.type !== 'object') this.#fault(`tools.${at}`, 'input_schema is no object');
      this.#breakpoint(tool as Block);
    });
  }

  #messages({ messages = [], thinking }: Body): void {
    if (messages.length === 0) this.#fault('messages', 'are missing');
    if (messages.find((message) => message.role !== 'system')?.role !== 'user')
      this.#fault('messages.0', 'does not begin with the user');
    for (const [at, message] of messages.entries()) {
      this.#message(message, `messages.${at} (${String(message.role)})`, at === messages.length - 1);
    }
    if (this.#waiting.length > 0) this.#fault('messages', `calls ${this.#waiting.join(', ')} have no result`);
    if (this.#rules.anthropic) this.#thinkingOfLoop(messages, thinking);
  }

  #message(message: Message, where: string, isLast: boolean): void {
    if (message.role === 'user') this.#user(message, where);
    else if (message.role === 'assistant') this.#assistant(message, where, isLast);
    else if (message.role !== 'system') this.#fault(where, 'unknown role');
    else {
      if (!this.#rules.anthropic) this.#fault(where, 'role is not allowed');
      this.#texts(blocksOf(message), where);
    }
  }

  #user(message: Message, where: string): void {
    const blocks = blocksOf(message);
    if (blocks.length === 0) this.#fault(where, 'is empty');
    let isBehind = false;
    for (const block of blocks) {
      this.#breakpoint(block);
      if (block.type === 'tool_result') {
        const id = String(block.tool_use_id);
        if (!this.#waiting.includes(id)) this.#fault(where, `result ${id} has no call in the message before`);
        if (isBehind) this.#fault(where, `result ${id} is behind other content`);
        this.#waiting = this.#waiting.filter((each) => each !== id);
        if (Array.isArray(block.content)) this.#texts(block.content as Block[], where);
      } else isBehind = true;
      if (block.type === 'text') this.#texts([block], where);
      if (block.type === 'thinking' || block.type === 'tool_use') this.#fault(where, `a ${block.type} block`);
    }
    if (this.#waiting.length > 0) this.#fault(where, `calls ${this.#waiting.join(', ')} have no result`);
    this.#waiting = [];
  }

  #assistant(message: Message, where: string, isLast: boolean): void {
    if (this.#waiting.length > 0) this.#fault(where, `calls ${this.#waiting.join(', ')} have no result`);
    const blocks = blocksOf(message);
    if (blocks.length === 0 && !isLast) this.#fault(where, 'is empty');
    const last = blocks.at(-1);
    if (last?.type === 'thinking' || last?.type === 'redacted_thinking') this.#fault(where, 'ends with thinking');
    if (isLast && last?.type === 'text' && /\s$/.test(String(last.text))) this.#fault(where, 'ends with white space');
    for (const block of blocks) {
      this.#breakpoint(block);
      if (block.type === 'text') this.#texts([block], where);
      if (block.type === 'thinking') this.#thinking(block, where);
      if (block.type === 'tool_use') this.#call(block, where);
      if (block.type === 'tool_result') this.#fault(where, 'a tool_result block');
    }
  }

  #call(block: Block, where: string): void {
    const id = String(block.id);
    if (!ID.test(id)) this.#fault(where, `call id ${id} is illegal`);
    if (this.#ids.has(id)) this.#fault(where, `call id ${id} is used twice`);
    if (!NAME.test(String(block.name))) this.#fault(where, `tool name ${String(block.name)} is illegal`);
    if (typeof block.input !== 'object' || block.input === null || Array.isArray(block.input))
      this.#fault(where, `input of ${id} is no object`);
    this.#ids.add(id);
    this.#waiting.push(id);
  }

  #thinking(block: Block, where: string): void {
    const { signatures } = this.#rules;
    if (block.cache_control !== undefined) this.#fault(where, 'cache_control on thinking');
    if (typeof block.signature !== 'string' || block.signature === '') this.#fault(where, 'thinking without signature');
    else if (signatures !== undefined && !signatures.has(block.signature))
      this.#fault(where, `invalid signature in thinking "${String(block.thinking).slice(0, 40)}"`);
  }

  /** With a thinking budget the turn that is under way has to begin with thinking. */
  #thinkingOfLoop(messages: readonly Message[], thinking: Body['thinking']): void {
    if (thinking?.type !== 'enabled') return;
    const prompt = messages.findLastIndex(
      (message) => message.role === 'user' && !blocksOf(message).some((block) => block.type === 'tool_result'),
    );
    const opening = messages.slice(prompt + 1).find((message) => message.role === 'assistant');
    const first = opening && blocksOf(opening)[0]?.type;
    if (first !== undefined && first !== 'thinking' && first !== 'redacted_thinking')
      this.#fault('messages', `expected thinking at the start of the running turn, found ${String(first)}`);
  }

  #texts(blocks: readonly Block[], where: string): void {
    for (const block of blocks) {
      if (block.type === 'text' && (typeof block.text !== 'string' || block.text.trim() === ''))
        this.#fault(where, 'a text without content');
      if (where === 'system') this.#breakpoint(block);
    }
  }

  #breakpoint(block: Block): void {
    if (block.cache_control !== undefined && block.cache_control !== null) this.#breakpoints += 1;
  }
}

function blocksOf({ content }: Message): readonly Block[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return Array.isArray(content) ? (content as Block[]) : [];
}
