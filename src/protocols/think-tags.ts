import type { ChatQuirks } from '../core/target.ts';
import { Quotes } from './quotes.ts';

export interface TagSegment {
  readonly thinking: boolean;
  readonly text: string;
}

const ANY_TAG = /<(\/?)think(?:ing)?>/;
const CLOSING_TAG = /<\/think(?:ing)?>/;
const OPENINGS = ['<think>', '<thinking>'];
const CLOSINGS = ['</think>', '</thinking>'];
const TAGS = [...OPENINGS, ...CLOSINGS];
const LONGEST_TAG = '</thinking>'.length;

/**
 * Tells reasoning in `<think>` tags from the answer, in pieces cut anywhere. Which tags count is the style's: `start`,
 * one block at the very beginning; `implicit`, as if the opening tag had been there already; `interleaved`, every one
 * outside of code. A closing tag that nothing opened is removed, because its opening stood in a template; other tags
 * are text. Nothing is lost but tags, blocks without content, and blank space around a block.
 */
export class ThinkTags {
  readonly #style: ChatQuirks['thinkTagStyle'];
  #mode: 'lead' | 'thinking' | 'gap' | 'text' = 'lead';
  #buffer = '';
  /** Blank space at the beginning of a block: an empty block leaves no trace. */
  #blank: string | undefined;
  /** No tag in the text means anything any more. */
  #plain = false;
  readonly #quotes = new Quotes();

  constructor(style: ChatQuirks['thinkTagStyle']) {
    this.#style = style;
  }

  push(text: string): TagSegment[] {
    if (this.#plain && this.#mode === 'text' && this.#buffer === '')
      return text === '' ? [] : [{ thinking: false, text }];
    this.#buffer += text;
    return this.#advance(false);
  }

  /** The stream ended: what was held is what it is. A block that was not closed stays reasoning. */
  end(): TagSegment[] {
    return this.#advance(true);
  }

  #advance(isFinal: boolean): TagSegment[] {
    const out: TagSegment[] = [];
    while (this.#buffer !== '' && this.#step(isFinal, out));
    return out;
  }

  /** Handles the beginning of the buffer; false when more input is needed. */
  #step(isFinal: boolean, out: TagSegment[]): boolean {
    switch (this.#mode) {
      case 'lead':
        return this.#lead(isFinal);
      case 'thinking':
        return this.#thinking(isFinal, out);
      case 'gap':
        this.#buffer = this.#buffer.trimStart();
        if (this.#buffer === '') return false;
        this.#mode = 'text';
        return true;
      case 'text':
        return this.#text(isFinal, out);
    }
  }

  #lead(isFinal: boolean): boolean {
    const start = this.#buffer.trimStart();
    const opening = OPENINGS.find((tag) => start.startsWith(tag));
    if (opening !== undefined) {
      this.#buffer = start.slice(opening.length);
      this.#openBlock();
      return true;
    }
    if (!isFinal && (start === '' || OPENINGS.some((tag) => tag.startsWith(start)))) return false;
    if (this.#style === 'implicit') this.#openBlock();
    else this.#mode = 'text';
    return true;
  }

  #openBlock(): void {
    this.#mode = 'thinking';
    this.#blank = '';
    this.#plain = this.#style !== 'interleaved';
  }

  #thinking(isFinal: boolean, out: TagSegment[]): boolean {
    const close = CLOSING_TAG.exec(this.#buffer);
    if (close !== null) {
      this.#emitThinking(this.#buffer.slice(0, close.index).trimEnd(), out);
      this.#buffer = this.#buffer.slice(close.index + close[0].length);
      this.#mode = 'gap';
      return true;
    }
    const partial = isFinal ? this.#buffer.length : partialTag(this.#buffer, CLOSINGS);
    const cut = isFinal ? partial : this.#buffer.slice(0, partial).trimEnd().length;
    this.#emitThinking(this.#buffer.slice(0, cut), out);
    this.#buffer = this.#buffer.slice(cut);
    return false;
  }

  #text(isFinal: boolean, out: TagSegment[]): boolean {
    const tag = this.#plain ? null : ANY_TAG.exec(this.#buffer);
    if (tag !== null) {
      this.#emitText(this.#buffer.slice(0, tag.index), out);
      this.#buffer = this.#buffer.slice(tag.index + tag[0].length);
      const { isQuoted } = this.#quotes;
      const isOpening = tag[1] === '';
      // An opening tag in the middle is somebody's subject, and so is everything like it that follows.
      const isSubject = isOpening && this.#style !== 'interleaved';
      if (isQuoted || isSubject) this.#emitText(tag[0], out);
      if (isQuoted) return true;
      if (isOpening && !isSubject) this.#openBlock();
      else if (this.#style !== 'interleaved') this.#plain = true;
      return true;
    }
    const cut = isFinal || this.#plain ? this.#buffer.length : partialTag(this.#buffer, TAGS);
    this.#emitText(this.#buffer.slice(0, cut), out);
    this.#buffer = this.#buffer.slice(cut);
    return false;
  }

  #emitThinking(text: string, out: TagSegment[]): void {
    if (text === '') return;
    if (this.#blank === undefined) {
      out.push({ thinking: true, text });
      return;
    }
    this.#blank += text;
    if (this.#blank.trim() === '') return;
    out.push({ thinking: true, text: this.#blank.trimStart() });
    this.#blank = undefined;
  }

  #emitText(text: string, out: TagSegment[]): void {
    if (text === '') return;
    this.#quotes.push(text);
    out.push({ thinking: false, text });
  }
}

/** Where the end of `text` may begin one of the tags; its length when it does not. */
function partialTag(text: string, tags: readonly string[]): number {
  const at = text.lastIndexOf('<');
  if (at === -1 || text.length - at >= LONGEST_TAG) return text.length;
  const end = text.slice(at);
  return tags.some((tag) => tag.startsWith(end)) ? at : text.length;
}
