/** Token counts of an overflow, as far as the text tells them. */
export interface OverflowNumbers {
  /** Tokens that were sent, with those meant for the answer where the text adds them. */
  readonly actual: number | undefined;
  /** Tokens that fit. */
  readonly limit: number | undefined;
  /** Part of `actual` that was meant for the answer. */
  readonly output: number | undefined;
  /** Most tokens that an answer of the model may have, whatever the window. */
  readonly cap?: number;
  /** Tokens by which `actual` is beyond a limit that was not told. */
  readonly over?: number;
  /** `actual` holds what was asked for, which the text does not tell apart. */
  readonly isTotal?: true;
}

type Name = 'actual' | 'limit' | 'input' | 'output' | 'over' | 'total' | 'cap';

const N = '([\\d,]+)(?:\\.0)?';
const ANSWER = '\\bmax[_ ](?:completion[_ ]|output[_ ]|new[_ ])?tokens\\b';

/** Which number is which differs from text to text, and taken the wrong way round the client compacts to nothing. The
 * first that matches counts: those that say most stand first. */
const OVERFLOW_NUMBERS: readonly (readonly [RegExp, readonly Name[]])[] = [
  // Input and output apart: then it may be enough to ask for a shorter answer.
  [words(`exceed context limit: *${N} *\\+ *${N} *> *${N}`), ['input', 'output', 'limit']],
  [
    words(`is too large: *${N}.*?context length is ${N} tokens and your request has ${N} input`),
    ['output', 'limit', 'input'],
  ],
  [
    words(`length is ${N} tokens.*?requested ${N} output tokens and your prompt contains (?:at least )?${N} input`),
    ['limit', 'output', 'input'],
  ],
  [
    words(`length is ${N} tokens.*?requested ${N} output tokens and your prompt contains ${'\\d+'} char`),
    ['limit', 'output'],
  ],
  [
    words(`passed ${N} input tokens and requested ${N} output tokens.*?context length is only ${N}`),
    ['input', 'output', 'limit'],
  ],
  [words(`input characters and requested ${N} output tokens.*?context length is only ${N}`), ['output', 'limit']],
  [
    words(`length of ${N} tokens.*?requested a total of ${N} tokens: ${N} tokens from the input.*?and ${N} tokens`),
    ['limit', 'actual', 'input', 'output'],
  ],
  [
    words(
      `(?:context|prompt) length is ${N}.*?(?:you )?requested (?:about )?${N} tokens? \\(${N} (?:of text input|in the messages)[^)]*?, ${N} (?:in|of) (?:the )?(?:output|completion)`,
    ),
    ['limit', 'actual', 'input', 'output'],
  ],
  [words(`must be <= *${N}\\. *Given: *${N} \`inputs\` tokens and ${N}`), ['limit', 'input', 'output']],
  [
    words(`max_(?:completion_)?tokens *= *${N} cannot be greater than max_model_len *= *(?:\\w+ *= *)?${N}`),
    ['output', 'limit'],
  ],
  [words(`max_total_tokens \\(${N}\\) must be less than or equal to max_seq_len \\(${N}\\)`), ['total', 'limit']],
  // Only the answer is too long, whatever the input is.
  [words(`${ANSWER}: *${N} *> *${N}, which is the maximum`), ['output', 'cap']],
  [words(`${ANSWER}.{0,20}too large: *${N}\\..{0,40}supports at most ${N}`), ['output', 'cap']],
  [words(`${ANSWER}.{0,120}expected a value <= *${N}, but got ${N}`), ['cap', 'output']],
  [words(`${ANSWER}.{0,60}(?:less than or equal to|<=|no more than|at most|\\[\\d+,) *[\`'"]?${N}`), ['cap']],
  // The limit first, then what was sent.
  [
    words(
      `(?:maximum|max) (?:context|prompt) (?:length|window)(?: is| of|:)? ${N}.*?(?:resulted in|contains|requested|has|with)(?: about| at least)? ${N}`,
    ),
    ['limit', 'actual'],
  ],
  [words(`token limit: *${N} *\\(requested: *${N}`), ['limit', 'actual']],
  [words(`configured limit of ${N} tokens.*?resulted in ${N}`), ['limit', 'actual']],
  [words(`cannot exceed ${N} - received ${N}`), ['limit', 'actual']],
  [words(`must have less than ${N} tokens\\. *Given: *${N}`), ['limit', 'actual']],
  // What was sent first, then the limit.
  [words(`length is ${N} while limit is ${N}`), ['actual', 'limit']],
  [words(`too long: *${N}(?: tokens?)? *> *${N}`), ['actual', 'limit']],
  [words(`too long: *${N}, model maximum context length: *${N}`), ['actual', 'limit']],
  [words(`contains ${N} tokens.*?too large for model with ${N}`), ['actual', 'limit']],
  [words(`prompt_tokens \\(${N}\\) must be less than max_seq_len \\(${N}\\)`), ['actual', 'limit']],
  [words(`\\(length ${N}\\).{0,80}?longer than the maximum model length of ${N}`), ['actual', 'limit']],
  [words(`has ${N} tokens?, but the configured context size is ${N}`), ['actual', 'limit']],
  [words(`n_keep:? *\\(?${N}\\)? *>= *n_ctx:? *\\(?${N}`), ['actual', 'limit']],
  [words(`\\(${N} tokens\\) exceeds budget \\(${N}`), ['actual', 'limit']],
  [words(`token count (?:of|\\()? *${N}\\)? *exceeds.*?\\(?${N}`), ['actual', 'limit']],
  [
    words(
      `(?:input|request|prompt)[^\\d]{0,30}${N}(?: input)?(?: tokens?)?\\)? .*?(?:exceeds?|(?:longer|greater|larger) than)[^\\d]*${N}`,
    ),
    ['actual', 'limit'],
  ],
  [words(`first ${N} tokens when context.*?context length of only ${N}`), ['actual', 'limit']],
  // One of them.
  [words(`exceeded max context length by ${N}`), ['over']],
  [words(`input length should be \\[\\d+, *${N}\\]`), ['limit']],
  [words(`max size: *${N} tokens`), ['limit']],
  [words(`(?:tokens allowed|must be <=|cannot exceed|limit of) \\(?${N}`), ['limit']],
  [words(`(?:context|prompt) (?:length|window|size)(?: is| of|:)?(?: only)? ${N}`), ['limit']],
];

function words(source: string): RegExp {
  return new RegExp(source, 'is');
}

/** What matters is said in the beginning; the rest of an error page only costs time. */
const LOOKED_AT = 4000;

/** The numbers of an overflow text. `window`: the model's, where it is known. */
export function overflowNumbers(text: string, window: number | undefined): OverflowNumbers {
  const told = text.slice(0, LOOKED_AT);
  for (const [pattern, names] of OVERFLOW_NUMBERS) {
    const match = pattern.exec(told);
    if (match === null) continue;
    const found: Partial<Record<Name, number>> = {};
    for (const [at, name] of names.entries()) found[name] = Number((match[at + 1] ?? '').replaceAll(',', ''));
    const limit = found.limit ?? window;
    const sum = found.input === undefined ? undefined : found.input + (found.output ?? 0);
    const beyond = found.over === undefined || limit === undefined ? undefined : limit + found.over;
    const actual = found.actual ?? found.total ?? sum ?? beyond;
    return {
      actual,
      limit,
      output: found.output,
      ...(found.cap === undefined ? {} : { cap: found.cap }),
      ...(found.over === undefined ? {} : { over: found.over }),
      ...(found.total === undefined ? {} : { isTotal: true }),
    };
  }
  return { actual: undefined, limit: window, output: undefined };
}

/**
 * The wording on which the client acts: it compacts on the first, and lowers `max_tokens` on the second. `tokens` is the
 * local estimate of the input, `window` the model's known window, `output` the `max_tokens` of the request; they stand in
 * for numbers that the text leaves out.
 */
export function canonicalOverflow(
  text: string,
  known: { readonly tokens: number; readonly window: number | undefined; readonly output?: number | undefined },
): { readonly class: 'context_overflow' | 'output_overflow' | 'invalid_request'; readonly message: string } {
  const numbers = overflowNumbers(text, known.window);
  const { actual, limit, over, cap, isTotal } = numbers;
  const output = numbers.output ?? (isTotal ? known.output : undefined);
  if (cap !== undefined) return beyondCap(text, known.tokens, output ?? known.output, cap);
  if (limit !== undefined && output !== undefined) {
    const input = actual === undefined ? known.tokens : actual - output;
    if (input < limit && input + output > limit) {
      return { class: 'output_overflow', message: shorterAnswer(input, output, limit) };
    }
  }
  if (limit === undefined && actual === undefined && over === undefined) {
    return { class: 'context_overflow', message: `prompt is too long: ${text}` };
  }
  // With one number only, the other is what is known here, made to agree: more was sent than fits.
  const maximum =
    limit ?? (actual === undefined ? Math.max(1, known.tokens - (over ?? 0)) : Math.min(known.tokens, actual - 1));
  const sent = Math.max(actual !== undefined && actual > maximum ? actual : known.tokens, maximum + 1);
  return { class: 'context_overflow', message: `prompt is too long: ${sent} tokens > ${maximum} maximum` };
}

/** What the client keeps free between its input and the window when it lowers `max_tokens`. */
const CLIENT_RESERVE = 1000;

/**
 * The wording on which the client asks again for as much as the model writes at most. It knows no other than that of a
 * window: it is told the one that leaves just this.
 */
function beyondCap(
  text: string,
  input: number,
  output: number | undefined,
  cap: number,
): { readonly class: 'output_overflow' | 'invalid_request'; readonly message: string } {
  if (output === undefined || output <= cap) return { class: 'invalid_request', message: text };
  const room = cap + CLIENT_RESERVE;
  const message = shorterAnswer(input, Math.max(output, room + 1), input + room);
  return { class: 'output_overflow', message: `${message} (${text})` };
}

function shorterAnswer(input: number, output: number, limit: number): string {
  return `input length and \`max_tokens\` exceed context limit: ${input} + ${output} > ${limit}, decrease input length or \`max_tokens\` and try again`;
}
