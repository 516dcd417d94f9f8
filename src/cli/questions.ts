import { createInterface } from 'node:readline';
import { MidswapError } from '../core/errors.ts';
import type { App } from './app.ts';

/** One thing that can be chosen. */
export interface Choice {
  readonly value: string;
  readonly label: string;
  readonly hint?: string;
}

/**
 * Asks the user: in a terminal with prompts on stderr, so that stdout stays the result's; from a pipe line by line, so
 * that a script can answer. Every question throws `cancelled` when the user breaks off, and `usage` when a pipe ends
 * before it has answered.
 */
export interface Questions {
  /** A person answers. */
  readonly interactive: boolean;
  text(question: string, byDefault?: string): Promise<string>;
  /** Not shown while it is typed. */
  secret(question: string): Promise<string>;
  /** Typing narrows the list. From a pipe the value itself. */
  choose(question: string, choices: readonly Choice[], byDefault?: string): Promise<string>;
  agree(question: string, byDefault: boolean): Promise<boolean>;
  close(): void;
}

export function openQuestions(app: App): Questions {
  const { in: input, err } = app.streams;
  return input.isTTY === true && err.isTTY === true ? askPerson(app) : readAnswers(app);
}

/** Throws `usage` where nobody can answer. */
export function needPerson(app: App, what: string, hint: string): void {
  if (app.streams.in.isTTY === true && app.streams.err.isTTY === true) return;
  throw new MidswapError('usage', `${what} needs a terminal`, { hint });
}

function askPerson({ streams }: App): Questions {
  const place = { input: streams.in, output: streams.err };
  const prompts = () => import('@clack/prompts');
  const answered = async <Value>(given: Promise<Value>): Promise<Exclude<Value, symbol>> => {
    const value = await given;
    if (typeof value === 'symbol') throw new MidswapError('cancelled', 'nothing more was changed');
    return value as Exclude<Value, symbol>;
  };
  return {
    interactive: true,
    text: async (message, byDefault) => {
      const { text } = await prompts();
      const options = byDefault === undefined ? {} : { defaultValue: byDefault, placeholder: byDefault };
      return (await answered(text({ ...place, message, ...options, validate: need(byDefault) }))).trim();
    },
    secret: async (message) => {
      const { password } = await prompts();
      return (await answered(password({ ...place, message, mask: '•', validate: need(undefined) }))).trim();
    },
    choose: async (message, choices, byDefault) => {
      const { autocomplete } = await prompts();
      const options: { value: string; label?: string; hint?: string }[] = choices.map((choice) => ({ ...choice }));
      const initial = byDefault === undefined ? {} : { initialValue: byDefault };
      let found = { search: '', values: new Set(choices.map(({ value }) => value)) };
      const filter = (search: string, { value }: { value: string }) => {
        // Asked for each choice in turn.
        if (found.search !== search)
          found = { search, values: new Set(findChoices(search, choices).map((one) => one.value)) };
        return found.values.has(value);
      };
      // Without anything that fits there is nothing marked to be taken.
      const validate = (value: unknown) => (value === undefined ? 'Nothing fits what is typed' : undefined);
      return answered(autocomplete<string>({ ...place, message, options, maxItems: 12, filter, validate, ...initial }));
    },
    agree: async (message, byDefault) => {
      const { confirm } = await prompts();
      return answered(confirm({ ...place, message, initialValue: byDefault }));
    },
    close: () => {},
  };
}

/** What is blank is no answer, but for a default. */
function need(byDefault: string | undefined): (value: string | undefined) => string | undefined {
  return (value) => (byDefault === undefined && (value ?? '').trim() === '' ? 'Something has to be typed' : undefined);
}

function readAnswers({ streams }: App): Questions {
  const lines = createInterface({ input: streams.in, crlfDelay: Number.POSITIVE_INFINITY });
  const waiting = lines[Symbol.asyncIterator]();
  const answer = async (question: string, byDefault: string | undefined): Promise<string> => {
    const next = await waiting.next();
    // An empty line takes the default; an end takes nothing, least of all consent.
    const text = next.done ? undefined : next.value.trim() || byDefault;
    if (text !== undefined && text !== '') return text;
    throw new MidswapError('usage', `the input ends before it answers: ${question}`, {
      hint: 'Answer in a terminal, or give one line for each question.',
    });
  };
  return {
    interactive: false,
    text: answer,
    secret: (question) => answer(question, undefined),
    choose: async (question, choices, byDefault) => {
      const given = (await answer(question, byDefault)).toLowerCase();
      const found = choices.find(({ value }) => value.toLowerCase() === given);
      if (found) return found.value;
      throw new MidswapError('usage', `"${given}" is no answer to: ${question}`, {
        hint:
          choices.length > 12 ? 'See: midswap providers' : `One of: ${choices.map(({ value }) => value).join(', ')}`,
      });
    },
    agree: async (question, byDefault) => {
      const given = await answer(question, byDefault ? 'y' : 'n');
      if (/^(y|yes|n|no)$/i.test(given)) return /^y/i.test(given);
      throw new MidswapError('usage', `"${given}" is no answer to: ${question}`, { hint: 'y or n' });
    },
    close: () => lines.close(),
  };
}

/**
 * What a search finds: where some choice holds every word as it stands, only such; with gaps else. Otherwise a name that
 * is typed in full could leave the mark on another choice, which has its letters somewhere.
 */
export function findChoices(search: string, choices: readonly Choice[]): readonly Choice[] {
  const words = search.toLowerCase().split(/\s+/);
  const textOf = ({ value, label, hint }: Choice) => `${label} ${value} ${hint ?? ''}`;
  const literal = choices.filter((choice) => words.every((word) => textOf(choice).toLowerCase().includes(word)));
  return literal.length > 0 ? literal : choices.filter((choice) => isFuzzyMatch(search, textOf(choice)));
}

/** Every word of the search is in the text, as it stands or with gaps: `dsr` finds `deepseek-reasoner`. */
export function isFuzzyMatch(search: string, text: string): boolean {
  const within = text.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => within.includes(word) || isSubsequence(word, within));
}

function isSubsequence(word: string, text: string): boolean {
  let at = 0;
  for (const character of word) {
    at = text.indexOf(character, at) + 1;
    if (at === 0) return false;
  }
  return true;
}
