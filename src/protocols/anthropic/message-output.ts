/** Insides of JSON strings, none of them empty, that stand in the same bytes: start and end alternating. */
export interface StringRun {
  readonly bytes: Buffer;
  readonly spans: readonly number[];
}

/** Bytes of all the strings together. */
function lengthOf({ spans }: StringRun): number {
  let length = 0;
  for (let at = 0; at < spans.length; at += 2) length += (spans[at + 1] as number) - (spans[at] as number);
  return length;
}

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
  textRun(run: StringRun): void;
  thinkingRun(run: StringRun): void;
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
  take(): readonly Buffer[];
}

const DELTA_END = '"}}\n\n';

/** The message as server-sent events: a growing string, encoded once per `take`, and runs of deltas as bytes. */
export class SseOutput implements MessageOutput {
  #text = '';
  /** What stands before `#text`. */
  #pieces: Buffer[] = [];
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

  textRun(run: StringRun): void {
    this.#run(this.#textHead, run);
  }

  thinkingRun(run: StringRun): void {
    this.#run(`${this.#deltaHead}{"type":"thinking_delta","thinking":"`, run);
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

  take(): readonly Buffer[] {
    this.#encode();
    const pieces = this.#pieces;
    if (pieces.length > 0) this.#pieces = [];
    return pieces;
  }

  #encode(): void {
    if (this.#text === '') return;
    this.#pieces.push(Buffer.from(this.#text, 'utf8'));
    this.#text = '';
  }

  /** Between two strings the same bytes are written again and again: they are moved, not encoded. */
  #run(head: string, run: StringRun): void {
    const { bytes, spans } = run;
    const [first, firstEnd] = spans as [number, number];
    if (spans.length === 2) {
      this.#text += `${head}${bytes.toString('utf8', first, firstEnd)}${DELTA_END}`;
      return;
    }
    this.#encode();
    const between = DELTA_END.length + head.length;
    const out = Buffer.allocUnsafe((spans.length / 2) * between + lengthOf(run));
    let end = out.write(head, 0, 'latin1');
    end += bytes.copy(out, end, first, firstEnd);
    const middle = end;
    end += out.write(DELTA_END + head, end, 'latin1');
    for (let at = 2; at < spans.length; at += 2) {
      if (at > 2) {
        out.copyWithin(end, middle, middle + between);
        end += between;
      }
      const stop = spans[at + 1] as number;
      for (let from = spans[at] as number; from < stop; from += 1) out[end++] = bytes[from] as number;
    }
    out.write(DELTA_END, end, 'latin1');
    this.#pieces.push(out);
  }

  #event(name: string, fields: string): void {
    this.#text += `event: ${name}\ndata: {"type":"${name}",${fields}}\n\n`;
  }
}
