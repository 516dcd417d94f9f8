import fc from 'fast-check';
import type { NumberShape, Shape, TextShape } from './shape.ts';
import type { Path } from './source.ts';

/** Texts of which at least one follows any rule of the schema. */
const TEXTS = ['opus', 'a-b.c_1', 'glm:glm-5', 'https://api.example.com/v1', 'env:NAME', '^a+$', 'Überblick', ''];

/** Documents that have a shape. */
export function documents(shape: Shape): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'text':
      return fc.constantFrom(...TEXTS.filter((text) => isRight(shape, text)));
    case 'number': {
      const min = shape.min + (shape.above ? 1 : 0);
      const max = Math.min(shape.max, min + 1_000_000);
      return shape.isWhole ? fc.integer({ min, max }) : fc.double({ min, max, noNaN: true });
    }
    case 'flag':
      return fc.boolean();
    case 'choice':
      return fc.constantFrom(...shape.values);
    case 'list':
      return fc.array(documents(shape.item), { maxLength: 3 });
    case 'object': {
      const keys = Object.entries(shape.keys);
      const needed = keys.filter(([, { isNeeded }]) => isNeeded).map(([name]) => name);
      const fields = Object.fromEntries(keys.map(([name, key]) => [name, documents(key.shape)]));
      return fc.record(fields, { requiredKeys: needed });
    }
    case 'names':
      return fc.dictionary(documents(shape.name) as fc.Arbitrary<string>, documents(shape.value), { maxKeys: 3 });
    case 'either':
      return fc.oneof(...shape.options.map(documents));
    case 'later':
      return documents(shape.make());
  }
}

/** A change that leaves a document without its shape, and the path of what is wrong then. */
export interface Damage {
  readonly path: Path;
  /** The key itself is wrong. */
  readonly atKey: boolean;
  document(): unknown;
}

/** Every way to damage a document in one place. */
export function damages(shape: Shape, document: unknown): Damage[] {
  const found: Damage[] = [];
  const put = (path: Path, value: unknown): unknown => {
    const copy = structuredClone({ root: document });
    const [last, ...before] = ['root', ...path].reverse() as [string, ...string[]];
    const parent = before.reverse().reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], copy);
    (parent as Record<string, unknown>)[last] = value;
    return copy.root;
  };
  const visit = (here: Shape, value: unknown, path: Path): void => {
    if (here.kind === 'later') return visit(here.make(), value, path);
    for (const wrong of wrongValues(here)) found.push({ path, atKey: false, document: () => put(path, wrong) });
    if (here.kind === 'list') {
      for (const [at, item] of (value as unknown[]).entries()) visit(here.item, item, [...path, at]);
    }
    if (here.kind === 'object') {
      const below = [...path, 'no such key'];
      found.push({ path: below, atKey: true, document: () => put(below, 1) });
      for (const [name, inner] of Object.entries(value as object)) {
        visit((here.keys[name] as { shape: Shape }).shape, inner, [...path, name]);
      }
    }
    if (here.kind === 'names') {
      for (const name of TEXTS.filter((text) => !isRight(here.name, text))) {
        found.push({ path: [...path, name], atKey: true, document: () => put([...path, name], {}) });
      }
      for (const [name, inner] of Object.entries(value as object)) visit(here.value, inner, [...path, name]);
    }
  };
  visit(shape, document, []);
  return found;
}

/** Values that a shape does not let through. */
function wrongValues(shape: Shape): unknown[] {
  switch (shape.kind) {
    case 'text':
      return [1, true, [], {}, ...[...TEXTS, 'x'.repeat(400)].filter((text) => !isRight(shape, text))];
    case 'number':
      return ['1', true, [], Number.NaN, Number.POSITIVE_INFINITY, ...wrongNumbers(shape)];
    case 'flag':
      return ['true', 1, [], {}];
    case 'choice':
      return ['no such choice', 1, true, []];
    case 'list':
      return ['x', 1, {}];
    case 'object':
    case 'names':
      return ['x', 1, []];
    case 'either':
      return ['no such choice', [], {}];
    case 'later':
      return wrongValues(shape.make());
  }
}

function wrongNumbers({ isWhole, min, max, above }: NumberShape): number[] {
  return [above ? min : min - 1, ...(Number.isFinite(max) ? [max + 1] : []), ...(isWhole ? [min + 0.5] : [])];
}

function isRight({ rules, min, max }: TextShape, text: string): boolean {
  const keeps = rules.every(([test]) => (typeof test === 'function' ? test(text) : test.test(text)));
  return keeps && text.length >= min && text.length <= max;
}
