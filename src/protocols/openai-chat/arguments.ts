import { isRecord } from './types.ts';

/**
 * Follows the argument text of one call: where its JSON object ends. Linear in the text, whatever the pieces.
 */
export class ArgumentScanner {
  #depth = 0;
  #inString = false;
  #escaped = false;
  #started = false;
  #complete = false;
  #length = 0;

  /** The object is closed; whatever follows does not belong to it. */
  get isComplete(): boolean {
    return this.#complete;
  }

  /** Something other than blank space was seen. */
  get isStarted(): boolean {
    return this.#started;
  }

  /** Length of what belongs to the object so far. */
  get length(): number {
    return this.#length;
  }

  /** Length of the part of `text` that belongs to the object. */
  push(text: string): number {
    const length = this.#complete ? 0 : this.#scan(text);
    this.#length += length;
    return length;
  }

  #scan(text: string): number {
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (code === 0x5c) this.#escaped = true;
        else if (code === 0x22) this.#inString = false;
      } else if (code === 0x22) {
        this.#inString = true;
        this.#started = true;
      } else if (code === 0x7b || code === 0x5b) {
        this.#depth += 1;
        this.#started = true;
      } else if (code === 0x7d || code === 0x5d) {
        this.#depth -= 1;
        if (this.#depth <= 0) {
          this.#complete = true;
          return at + 1;
        }
      } else if (code > 0x20) this.#started = true;
    }
    return text.length;
  }
}

/**
 * Argument text as an input object. Repairs what a model or a parser before it got wrong in the form: text encoded
 * twice, a comma too many, brackets that were not closed. It never invents a value, and repairs nothing that the token
 * limit cut (`complete` false): half a file would be written. What cannot be read stays readable.
 */
export function parseArguments(text: string, complete: boolean): Record<string, unknown> {
  const exact = parsedObject(text, 2);
  if (exact !== undefined) return exact;
  if (text.trim() === '' || text.trim() === 'null') return {};
  const repaired = complete ? parsedObject(closed(text), 1) : undefined;
  return repaired ?? { raw_arguments: text };
}

/** Text that has to be sent as one piece because it is no object text as it is: encoded twice, or nothing at all. */
export function normalisedArguments(text: string): string {
  const value = parsedObject(text, 2);
  if (value !== undefined) return JSON.stringify(value);
  return text.trim() === '' || text.trim() === 'null' ? '' : text;
}

function parsedObject(text: string, rounds: number): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
    return typeof value === 'string' && rounds > 1 ? parsedObject(value, rounds - 1) : undefined;
  } catch {
    return undefined;
  }
}

/** The text without commas before a closing bracket and with the missing brackets, if every string is closed. */
function closed(text: string): string {
  let out = '';
  const open: string[] = [];
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at] ?? '';
    if (inString) {
      out += letter;
      if (letter === '\\') {
        at += 1;
        out += text[at] ?? '';
      } else if (letter === '"') inString = false;
      continue;
    }
    if (letter === '"') inString = true;
    else if (letter === '{' || letter === '[') open.push(letter === '{' ? '}' : ']');
    else if (letter === '}' || letter === ']') {
      if (open.pop() !== letter) return text;
      out = out.replace(/,\s*$/, '');
    }
    out += letter;
    if (open.length === 0 && (letter === '}' || letter === ']')) return out;
  }
  return inString ? text : out.replace(/,\s*$/, '') + open.reverse().join('');
}
