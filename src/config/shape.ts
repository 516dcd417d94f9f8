/**
 * What the configuration file may say, as data. Its types, the check of a file and the JSON Schema for editors are all
 * made from it. A schema library does the same, but takes as long to load and to get going as the rest of a start.
 */
export type Shape =
  | TextShape
  | NumberShape
  | { readonly kind: 'flag' }
  | { readonly kind: 'choice'; readonly values: readonly string[] }
  | { readonly kind: 'list'; readonly item: Shape }
  | ObjectShape
  | NamesShape
  /** Any of them; `what` is said of a value that is none of them by its type. */
  | { readonly kind: 'either'; readonly options: readonly Shape[]; readonly what: string }
  /** Made when it is needed. */
  | { readonly kind: 'later'; make(): Shape };

export interface TextShape {
  readonly kind: 'text';
  readonly rules: readonly TextRule[];
  /** UTF-16 units. */
  readonly min: number;
  readonly max: number;
}

/** What a text has to be, and what is said of one that is not. */
export type TextRule = readonly [test: RegExp | ((text: string) => boolean), what: string];

export interface NumberShape {
  readonly kind: 'number';
  readonly isWhole: boolean;
  readonly min: number;
  readonly max: number;
  /** `min` itself is too little. */
  readonly above: boolean;
}

/** A map of known keys. */
export interface ObjectShape {
  readonly kind: 'object';
  readonly keys: Keys;
}

/** A map of names that the user gives. */
export interface NamesShape {
  readonly kind: 'names';
  readonly name: TextShape;
  readonly value: Shape;
  /** `deepseek:` with nothing behind it is an entry that says nothing, and no mistake. */
  readonly mayBeBlank: boolean;
}

export interface Key {
  readonly shape: Shape;
  readonly doc: string | undefined;
  readonly isNeeded: boolean;
  /** Stands where nothing is written. */
  readonly preset: unknown;
}

export type Keys = Readonly<Record<string, Key>>;

declare const TYPE: unique symbol;
declare const PRESENT: unique symbol;

/** A shape that lets values of this type through. */
export type Of<T> = { readonly [TYPE]?: T };
type Present<Always extends boolean> = { readonly [PRESENT]?: Always };

/** The type of the values that a shape, or a key, lets through. */
export type TypeOf<S> = S extends Of<infer T> ? T : never;

type ObjectOf<K extends Keys> = Flat<
  { -readonly [N in keyof K as K[N] extends Present<true> ? N : never]: TypeOf<K[N]> } & {
    -readonly [N in keyof K as K[N] extends Present<true> ? never : N]?: TypeOf<K[N]> | undefined;
  }
>;
type Flat<T> = { [N in keyof T]: T[N] };

export function text(rules: readonly TextRule[] = [], { min = 0, max = Infinity } = {}): TextShape & Of<string> {
  return { kind: 'text', rules, min, max };
}

export function flag(): Shape & Of<boolean> {
  return { kind: 'flag' };
}

export function choice<const V extends string>(values: readonly V[]): Shape & Of<V> {
  return { kind: 'choice', values };
}

/** A whole number. */
export function whole(min = 0, max: number = Number.MAX_SAFE_INTEGER): Shape & Of<number> {
  return { kind: 'number', isWhole: true, min, max, above: false };
}

/** A number that is at least `min`, or above it. */
export function amount({ min = 0, above = false } = {}): Shape & Of<number> {
  return { kind: 'number', isWhole: false, min, max: Infinity, above };
}

export function list<S extends Shape>(item: S): Shape & Of<TypeOf<S>[]> {
  return { kind: 'list', item };
}

export function object<const K extends Keys>(keys: K): ObjectShape & Of<ObjectOf<K>> {
  return { kind: 'object', keys };
}

export function names<S extends Shape>(
  name: TextShape,
  value: S,
  { mayBeBlank = false } = {},
): NamesShape & Of<Record<string, TypeOf<S>>> {
  return { kind: 'names', name, value, mayBeBlank };
}

export function either<const S extends readonly Shape[]>(options: S, what: string): Shape & Of<TypeOf<S[number]>> {
  return { kind: 'either', options, what };
}

export function later<T>(make: () => Shape & Of<T>): Shape & Of<T> {
  let made: Shape | undefined;
  return {
    kind: 'later',
    make() {
      made ??= make();
      return made;
    },
  };
}

/** A key that may be left out. */
export function key<S extends Shape>(shape: S, doc?: string): Key & Of<TypeOf<S>> & Present<false> {
  return { shape, doc, isNeeded: false, preset: undefined };
}

export function neededKey<S extends Shape>(shape: S, doc: string): Key & Of<TypeOf<S>> & Present<true> {
  return { shape, doc, isNeeded: true, preset: undefined };
}

export function keyWithDefault<S extends Shape>(
  shape: S,
  preset: TypeOf<S>,
  doc: string,
): Key & Of<TypeOf<S>> & Present<true> {
  return { shape, doc, isNeeded: false, preset };
}
