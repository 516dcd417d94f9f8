import fc from 'fast-check';

/** One change of a JSON value at some place: what servers, relays and serialisers do to fields. */
export interface Damage {
  /** Which of several documents. */
  readonly at: number;
  readonly path: readonly number[];
  readonly how: 'put' | 'add' | 'remove' | 'rename';
  readonly value: unknown;
}

const VALUES = [
  null,
  '',
  0,
  -1,
  1.5,
  1e30,
  'x',
  'stop',
  true,
  [],
  {},
  [null],
  [{}],
  ['a'],
  { a: 1 },
  '{"a":1}',
  { type: 'text', text: 'z' },
  [{ type: 'text', text: 'z' }],
  { message: 'm' },
];

export const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat(60),
  path: fc.array(fc.nat(20), { maxLength: 6 }),
  how: fc.constantFrom<Damage['how']>('put', 'put', 'add', 'remove', 'rename'),
  value: fc.constantFrom<unknown>(...VALUES),
});

/** The documents with one of them changed. */
export function damaged(documents: readonly unknown[], { at, path, how, value }: Damage): unknown[] {
  const place = at % Math.max(1, documents.length);
  return documents.map((document, index) => (index === place ? changed(document, path, how, value) : document));
}

function changed(target: unknown, path: readonly number[], how: Damage['how'], value: unknown): unknown {
  if (typeof target !== 'object' || target === null) return value;
  const entries = Object.entries(target);
  const [step, ...rest] = path;
  if (step === undefined || entries.length === 0)
    return how === 'add' ? built(target, [...entries, ['extra', value]]) : value;
  const place = step % entries.length;
  const others = (entry: [string, unknown]): [string, unknown][] =>
    entries.map((each, at) => (at === place ? entry : each));
  const [name, inner] = entries[place] as [string, unknown];
  if (rest.length === 0 && how === 'remove')
    return built(
      target,
      entries.filter((_, at) => at !== place),
    );
  if (rest.length === 0 && how === 'rename') return built(target, others([`${name}x`, inner]));
  return built(target, others([name, changed(inner, rest, how, value)]));
}

function built(like: object, entries: readonly [string, unknown][]): unknown {
  return Array.isArray(like) ? entries.map(([, value]) => value) : Object.fromEntries(entries);
}
