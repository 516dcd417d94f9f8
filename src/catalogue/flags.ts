/** How one quirk is described: enough for the configuration's schema, the documentation and a default. */
export interface Flag<T> {
  readonly kind: 'boolean' | 'choice' | 'integer' | 'number' | 'text' | 'list' | 'map';
  /** The words of a `choice`, or of the entries of a `list` that takes no others. */
  readonly values?: readonly string[];
  /** May be left undefined, which switches it off. */
  readonly optional?: true;
  readonly default: T;
  readonly doc: string;
}

export type Flags<Q> = { readonly [K in keyof Q]: Flag<Q[K]> };

export function boolean(value: boolean, doc: string): Flag<boolean> {
  return { kind: 'boolean', default: value, doc };
}

export function choice<const W extends string, const D extends W>(
  values: readonly W[],
  value: D,
  doc: string,
): Flag<W> {
  return { kind: 'choice', values, default: value, doc };
}

export function integer(value: number, doc: string): Flag<number> {
  return { kind: 'integer', default: value, doc };
}

export function optionalInteger(doc: string): Flag<number | undefined> {
  return { kind: 'integer', optional: true, default: undefined, doc };
}

export function optionalNumber(doc: string): Flag<number | undefined> {
  return { kind: 'number', optional: true, default: undefined, doc };
}

export function text(value: string, doc: string): Flag<string> {
  return { kind: 'text', default: value, doc };
}

export function optionalText(doc: string): Flag<string | undefined> {
  return { kind: 'text', optional: true, default: undefined, doc };
}

export function list(doc: string): Flag<readonly string[]> {
  return { kind: 'list', default: [], doc };
}

export function listOf<const W extends string>(values: readonly W[], doc: string): Flag<readonly W[]> {
  return { kind: 'list', values, default: [], doc };
}

export function map(value: Readonly<Record<string, string>>, doc: string): Flag<Readonly<Record<string, string>>> {
  return { kind: 'map', default: value, doc };
}
