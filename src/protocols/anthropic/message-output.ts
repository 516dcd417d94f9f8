/**
 * Where a `MessageWriter` puts its events. Order and completeness are the writer's duty. Strings named `json` are the
 * inside of a JSON string, escaped.
 */
export interface MessageOutput {
  start(id: string, model: string, usage: Readonly<Record<string, unknown>>): void;
  /** The next block; `block` is JSON. */
  openBlock(index: number, block: string): void;
  text(json: string): void;
  thinking(json: string): void;
  signature(json: string): void;
  toolArguments(json: string): void;
  delta(delta: Readonly<Record<string, unknown>>): void;
  closeBlock(): void;
  ping(): void;
  finish(
    delta: Readonly<Record<string, unknown>>,
    usage: Readonly<Record<string, unknown>>,
    extra: Readonly<Record<string, unknown>>,
  ): void;
  /** The block of this index is open already, opened by somebody else. */
  resume(index: number): void;
  take(): Buffer | undefined;
}

/** The message as server-sent events: one growing string, encoded once per `take`. */
export class SseOutput implements MessageOutput {
  #text = '';
  #index = 0;
  /** Start of a delta event of the open block, up to the delta's own object. */
  #deltaHead = '';
  #textHead = '';

  start(id: string, model: string, usage: Readonly<Record<string, unknown>>): void {
    const message = { id, type: 'message', role: 'assistant', model, content: [], stop_reason: null };
    this.#event('message_start', `"message":${JSON.stringify({ ...message, stop_sequence: null, usage })}`);
  }

  openBlock(index: number, block: string): void {
    this.resume(index);
    this.#event('content_block_start', `"index":${index},"content_block":${block}`);
  }

  text(json: string): void {
    this.#text += `${this.#textHead + json}"}}\n\n`;
  }

  thinking(json: string): void {
    this.#text += `${this.#deltaHead}{"type":"thinking_delta","thinking":"${json}"}}\n\n`;
  }

  signature(json: string): void {
    this.#text += `${this.#deltaHead}{"type":"signature_delta","signature":"${json}"}}\n\n`;
  }

  toolArguments(json: string): void {
    this.#text += `${this.#deltaHead}{"type":"input_json_delta","partial_json":"${json}"}}\n\n`;
  }

  delta(delta: Readonly<Record<string, unknown>>): void {
    this.#text += `${this.#deltaHead + JSON.stringify(delta)}}\n\n`;
  }

  closeBlock(): void {
    this.#event('content_block_stop', `"index":${this.#index}`);
  }

  ping(): void {
    this.#text += 'event: ping\ndata: {"type":"ping"}\n\n';
  }

  finish(
    delta: Readonly<Record<string, unknown>>,
    usage: Readonly<Record<string, unknown>>,
    extra: Readonly<Record<string, unknown>>,
  ): void {
    const fields = JSON.stringify({ delta, usage, ...extra });
    this.#event('message_delta', fields.slice(1, -1));
    this.#text += 'event: message_stop\ndata: {"type":"message_stop"}\n\n';
  }

  resume(index: number): void {
    this.#index = index;
    this.#deltaHead = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":`;
    this.#textHead = `${this.#deltaHead}{"type":"text_delta","text":"`;
  }

  take(): Buffer | undefined {
    if (this.#text === '') return undefined;
    const bytes = Buffer.from(this.#text, 'utf8');
    this.#text = '';
    return bytes;
  }

  #event(name: string, fields: string): void {
    this.#text += `event: ${name}\ndata: {"type":"${name}",${fields}}\n\n`;
  }
}
