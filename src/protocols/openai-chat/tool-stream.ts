import type { MessageWriter } from '../anthropic/message-writer.ts';
import type { ToolNames } from '../tool-names.ts';
import { ArgumentScanner, normalisedArguments } from './arguments.ts';
import { isRecord } from './types.ts';

interface Call {
  readonly key: symbol;
  id: string;
  /** The upstream's name, as far as it has come. */
  name: string;
  /** The name has been given to the writer. */
  named: boolean;
  scanner: ArgumentScanner;
  /** Arguments that are no object text as they come (encoded twice, `null`): sent when they are whole. */
  odd: string | undefined;
  done: boolean;
  /** All of its arguments, where a call written as text may repeat it. */
  text: string | undefined;
  /** Data of the provider that has to come back with it. */
  extra: unknown;
}

/** What the calls need from the answer around them. */
export interface CallSink {
  readonly writer: MessageWriter;
  readonly names: ToolNames;
  /** A call is about to be told. Gives the signature that carries what the provider wants to see again before it:
   * `extra` is its data of this call. */
  opening(extra: unknown): string | undefined;
  /** A call that was written as text before, and is now made natively; `undefined` while there were none. */
  repeats(): ((name: string, text: string) => boolean) | undefined;
  /** Length of argument text, for estimates. */
  count(characters: number): void;
}

/**
 * Puts the calls of a stream together from entries in any shape: with and without index and id, names late, repeated or
 * in parts, several calls on one index, junk behind the arguments. Argument text is passed on as it comes.
 */
export class ToolCallStream {
  readonly #sink: CallSink;
  readonly #byIndex = new Map<number, Call>();
  readonly #byId = new Map<string, Call>();
  readonly #calls: Call[] = [];
  #last: Call | undefined;

  readonly #keepText: boolean;

  /** `keepText`: calls may also be written as text, and are compared. */
  constructor(sink: CallSink, keepText: boolean) {
    this.#sink = sink;
    this.#keepText = keepText;
  }

  /** A call that has a name waits for the end of its arguments: nothing may be written behind it yet. */
  get isWaiting(): boolean {
    return this.#calls.some((call) => !call.done && call.named);
  }

  /** A call has broken off inside of its arguments. */
  get isCut(): boolean {
    return this.#calls.some((call) => !call.done && call.scanner.isStarted && !call.scanner.isComplete);
  }

  get any(): boolean {
    return this.#calls.some((call) => call.name !== '');
  }

  /** The same call was made natively before. */
  hasCall(name: string, text: string): boolean {
    const wanted = normalisedArguments(text);
    return this.#calls.some((call) => call.name === name && normalisedArguments(call.text ?? '') === wanted);
  }

  /** One entry of `delta.tool_calls`, or a legacy `function_call`. */
  entry(entry: unknown): void {
    if (!isRecord(entry)) return;
    const fn = isRecord(entry.function) ? entry.function : entry;
    const id = typeof entry.id === 'string' ? entry.id : typeof entry.id === 'number' ? String(entry.id) : '';
    const name = typeof fn.name === 'string' ? fn.name : '';
    const text = argumentText(fn.arguments);
    const index = indexOf(entry.index);
    const call = this.#find(index, id, name, text) ?? this.#open(index, id, name, text);
    if (call === undefined) return;
    this.#last = call;
    if (index !== undefined) this.#byIndex.set(index, call);
    if (call.id === '' && id !== '') this.#setId(call, id);
    call.extra ??= entry.extra_content;
    this.#name(call, name);
    this.#arguments(call, text);
  }

  /**
   * More arguments of the call that came last, as the inside of a JSON string to be copied. False, and nothing done, when
   * the entry has to be looked at.
   */
  more(index: number | undefined, json: string): boolean {
    const call = this.#last;
    if (call === undefined || call.done || !call.named || call.odd !== undefined || !call.scanner.isStarted)
      return false;
    if (index === undefined || this.#byIndex.get(index) !== call || call.text !== undefined) return false;
    const text = json.includes('\\') ? (JSON.parse(`"${json}"`) as string) : json;
    const length = call.scanner.push(text);
    this.#sink.count(text.length);
    if (length === text.length) this.#sink.writer.toolArgumentsRaw(call.key, json);
    else this.#write(call, text.slice(0, length));
    if (call.scanner.isComplete) this.#close(call);
    return true;
  }

  /** The answer ends: every call is as whole as it gets. */
  finish(): void {
    for (const call of this.#calls) {
      if (call.done) continue;
      this.#announce(call, true);
      if (call.done) continue;
      if (call.odd !== undefined) this.#write(call, normalisedArguments(call.odd));
      this.#close(call);
      if (!call.done) this.#sink.writer.dropTool(call.key);
    }
  }

  /** The known call that an entry goes on with; `undefined` when it begins another one. */
  #find(index: number | undefined, id: string, name: string, text: string): Call | undefined {
    const known = index === undefined ? (id === '' ? this.#last : this.#byId.get(id)) : this.#byIndex.get(index);
    if (known === undefined) return undefined;
    const begins = text.trimStart().startsWith('{');
    const otherId = id !== '' && known.id !== '' && id !== known.id;
    if (this.#isWhole(known)) {
      if ((known.name === '' && name !== '') || isRepeat(known, id, name, text)) return known;
      if (begins || (name !== '' && (otherId || index === undefined))) return undefined;
      return otherId && name !== '' ? undefined : known;
    }
    // Some servers give every chunk of one call another id; a call of its own also has a name of its own.
    const otherName = name !== '' && known.name !== '' && name !== known.name && !this.#joinedName(known, name);
    if (otherName && index === undefined && id === '') return undefined;
    return otherId && otherName && !known.scanner.isStarted ? undefined : known;
  }

  #open(index: number | undefined, id: string, name: string, text: string): Call | undefined {
    // An artefact of a template, or a late trace of a call that is over.
    if (name === '' && text.trim() === '') {
      const previous = index === undefined ? this.#last : this.#byIndex.get(index);
      if (id === '' || previous !== undefined) return undefined;
    }
    const previous = index === undefined ? this.#last : this.#byIndex.get(index);
    const call: Call = {
      key: Symbol('call'),
      id: '',
      name: '',
      named: false,
      scanner: new ArgumentScanner(),
      odd: undefined,
      done: false,
      text: this.#keepText ? '' : undefined,
      extra: undefined,
    };
    if (name === '' && previous !== undefined) call.name = previous.name;
    this.#calls.push(call);
    this.#sink.writer.tool(call.key, {});
    if (id !== '') this.#setId(call, id);
    return call;
  }

  #isWhole(call: Call): boolean {
    return call.done || call.scanner.isComplete;
  }

  #setId(call: Call, id: string): void {
    call.id = id;
    this.#byId.set(id, call);
    this.#sink.writer.tool(call.key, { id });
  }

  #name(call: Call, part: string): void {
    if (call.named || part === '') return;
    call.name = call.name === '' ? part : (this.#joinedName(call, part) ?? call.name);
    // A name that no tool has may be the first part of one that a tool has.
    if (this.#sink.names.isKnown(call.name)) this.#announce(call);
  }

  /** The name with another part, if a tool's name goes on like that; some servers repeat what they said before. */
  #joinedName(call: Call, part: string): string | undefined {
    const { names } = this.#sink;
    if (names.isKnown(call.name)) return undefined;
    if (names.isBeginning(call.name + part)) return call.name + part;
    return part.startsWith(call.name) && names.isBeginning(part) ? part : undefined;
  }

  /** Gives the writer the name. Where the call may repeat one, that is known only when it is whole. */
  #announce(call: Call, isFinal = false): void {
    if (call.named || call.done || call.name.trim() === '') return;
    const { writer, names, repeats } = this.#sink;
    const isRepeat = this.#keepText ? repeats() : undefined;
    if (isRepeat !== undefined) {
      if (!call.scanner.isComplete && !isFinal) return;
      if (isRepeat(call.name, call.text ?? '')) {
        writer.dropTool(call.key);
        call.done = true;
        return;
      }
    }
    call.named = true;
    writer.tool(call.key, { name: names.client(call.name), seal: this.#sink.opening(call.extra) });
    if (call.scanner.isComplete) this.#close(call);
  }

  #arguments(call: Call, text: string): void {
    if (text === '' || call.done) return;
    this.#sink.count(text.length);
    if (call.text !== undefined) call.text += text;
    if (call.odd !== undefined) {
      call.odd += text;
      return;
    }
    if (!call.scanner.isStarted) {
      const first = text.trimStart();
      if (first === '') return;
      if (!first.startsWith('{')) {
        call.odd = text;
        this.#announce(call);
        return;
      }
    }
    this.#announce(call);
    const length = call.scanner.push(text);
    this.#write(call, length === text.length ? text : text.slice(0, length));
    if (!call.scanner.isComplete) return;
    this.#announce(call);
    if (!call.done) this.#close(call);
  }

  #write(call: Call, text: string): void {
    this.#sink.writer.toolArguments(call.key, text);
  }

  /** A call without a name stays open: the name may come late. */
  #close(call: Call): void {
    if (!call.named) return;
    this.#sink.writer.toolDone(call.key);
    call.done = true;
  }
}

/** A number, also as text. */
function indexOf(value: unknown): number | undefined {
  const index = typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : value;
  return typeof index === 'number' && index >= 0 ? index : undefined;
}

/** The whole of a call once more, as some servers send it behind its pieces: a call made twice would be done twice. */
function isRepeat({ id, name, scanner }: Call, otherId: string, otherName: string, text: string): boolean {
  return otherId !== '' && otherId === id && (otherName === '' || otherName === name) && text.length === scanner.length;
}

function argumentText(value: unknown): string {
  if (typeof value === 'string') return value;
  return isRecord(value) || Array.isArray(value) ? JSON.stringify(value) : '';
}
