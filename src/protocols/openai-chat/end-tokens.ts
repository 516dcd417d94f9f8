/** Tokens that end a turn in chat templates and leak into text. */
const END_TOKENS = [
  '<|im_end|>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end|>',
  '<|return|>',
  '<|user|>',
  '<|observation|>',
  '</s>',
  '<｜end▁of▁sentence｜>',
  '[EOS]',
  '<think_never_used_51bce0c785ca2f68081bfa7d91973934>',
] as const;

const STARTS = /[<[]/;

/** Removes such tokens at the very end of the answer; everywhere else they are text. */
export class EndTokens {
  #held = '';

  get isIdle(): boolean {
    return this.#held === '';
  }

  /** The text that can be shown now. */
  push(text: string): string {
    const all = this.#held + text;
    const at = heldFrom(all);
    this.#held = all.slice(at);
    return at === all.length ? all : all.slice(0, at);
  }

  end(): string {
    const held = this.#held;
    this.#held = '';
    return isTokens(held) ? '' : held;
  }
}

/** Where an end of tokens, whole or begun, starts; the length of the text when there is none. */
function heldFrom(text: string): number {
  const from = Math.max(0, text.length - 160);
  let at = nextStart(text, from);
  while (at !== -1) {
    if (isTokens(text.slice(at), true)) return at;
    at = nextStart(text, at + 1);
  }
  return text.length;
}

function nextStart(text: string, from: number): number {
  const found = text.slice(from).search(STARTS);
  return found === -1 ? -1 : from + found;
}

/** Nothing but tokens and blank space; with `begun`, the last one may be a part. */
function isTokens(text: string, begun = false): boolean {
  let rest = text;
  while (rest !== '') {
    const token = END_TOKENS.find((each) => rest.startsWith(each));
    if (token === undefined) return begun && END_TOKENS.some((each) => each.startsWith(rest));
    rest = rest.slice(token.length).trimStart();
  }
  return true;
}
