/** A string literal of a source file. */
export interface Literal {
  readonly value: string;
  /** Offset of the opening quote. */
  readonly at: number;
}

export interface Tokens {
  /** The source with comments, strings and regular expressions blanked out; offsets and line breaks are kept. */
  readonly code: string;
  readonly literals: readonly Literal[];
}

/** After these a `/` begins a regular expression; after anything else it divides. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|await|yield|throw|new|void))$/;

/**
 * Splits TypeScript into code and string literals, far enough to read imports and names from it without being misled
 * by comments and quoted text. Expressions inside template literals count as code.
 */
export function tokenize(source: string): Tokens {
  const literals: Literal[] = [];
  const code = source.split('');
  /** Depth of braces at which each open template goes on. */
  const templates: number[] = [];
  let depth = 0;
  let at = 0;

  const blank = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (code[i] !== '\n') code[i] = ' ';
  };
  const readTemplate = (from: number): void => {
    let end = from;
    while (end < source.length && source[end] !== '`' && !source.startsWith('${', end)) {
      end += source[end] === '\\' ? 2 : 1;
    }
    literals.push({ value: source.slice(from, end), at: from - 1 });
    const opens = source.startsWith('${', end);
    blank(from, Math.min(end + (opens ? 2 : 1), source.length));
    if (opens) templates.push(depth);
    at = end + (opens ? 2 : 1);
  };

  while (at < source.length) {
    const char = source[at] as string;
    if (source.startsWith('//', at)) {
      const end = source.indexOf('\n', at);
      const stop = end < 0 ? source.length : end;
      blank(at, stop);
      at = stop;
    } else if (source.startsWith('/*', at)) {
      const end = source.indexOf('*/', at + 2);
      const stop = end < 0 ? source.length : end + 2;
      blank(at, stop);
      at = stop;
    } else if (char === "'" || char === '"') {
      const end = quotedEnd(source, at, char);
      literals.push({ value: source.slice(at + 1, end), at });
      blank(at, end + 1);
      at = end + 1;
    } else if (char === '`') {
      blank(at, at + 1);
      readTemplate(at + 1);
    } else if (
      char === '/' &&
      BEFORE_REGEX.test(
        code
          .slice(Math.max(0, at - 40), at)
          .join('')
          .trimEnd(),
      )
    ) {
      const end = regexEnd(source, at);
      blank(at, end);
      at = end;
    } else if (char === '}' && templates.at(-1) === depth) {
      templates.pop();
      blank(at, at + 1);
      readTemplate(at + 1);
    } else {
      if (char === '{') depth += 1;
      if (char === '}') depth -= 1;
      at += 1;
    }
  }
  return { code: code.join(''), literals };
}

function quotedEnd(source: string, from: number, quote: string): number {
  let end = from + 1;
  while (end < source.length && source[end] !== quote && source[end] !== '\n') end += source[end] === '\\' ? 2 : 1;
  return end;
}

function regexEnd(source: string, from: number): number {
  let end = from + 1;
  let inClass = false;
  while (end < source.length && source[end] !== '\n' && (inClass || source[end] !== '/')) {
    if (source[end] === '[') inClass = true;
    if (source[end] === ']') inClass = false;
    end += source[end] === '\\' ? 2 : 1;
  }
  return end + 1;
}
