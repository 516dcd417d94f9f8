import { nearest } from '../core/nearest.ts';
import type { Key, NamesShape, NumberShape, ObjectShape, Of, Shape, TextShape } from './shape.ts';
import type { Path } from './source.ts';

/** What is wrong with a value, in words for people. No value is told that could be a secret. */
export interface ShapeFault {
  readonly path: Path;
  readonly what: string;
  readonly suggestion: string | undefined;
  /** The key itself is wrong, not its value. */
  readonly atKey: boolean;
}

/** Said of a key that a map of known keys does not know. */
export const UNKNOWN_KEY = 'unknown key';

/**
 * Whether a value has a shape. `value` is a copy with defaults, in which keys stand in the order of the shape; it is to
 * be used only when there are no faults.
 */
export function checkValue<T>(shape: Shape & Of<T>, given: unknown): { value: T; faults: readonly ShapeFault[] } {
  const walk: Walk = { path: [], faults: [] };
  const value = read(walk, shape, given) as T;
  return { value, faults: walk.faults };
}

/** Keys that a shape knows at a path; none where names are free. */
export function keysAt(shape: Shape, path: Path): readonly string[] {
  const here = path.reduce<Shape | undefined>((at, step) => at && shapeBelow(at, step), shape);
  const made = here?.kind === 'later' ? here.make() : here;
  return made?.kind === 'object' ? Object.keys(made.keys) : [];
}

/** `a, b or c` */
export function orList(values: readonly string[]): string {
  if (values.length <= 1) return values.join('');
  return `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

/** Where the check is, and what it has found. */
interface Walk {
  readonly path: (string | number)[];
  readonly faults: ShapeFault[];
}

type GivenMap = Readonly<Record<string, unknown>>;

function read(walk: Walk, shape: Shape, given: unknown): unknown {
  switch (shape.kind) {
    case 'text':
      return readText(walk, shape, given);
    case 'number':
      return readNumber(walk, shape, given);
    case 'flag':
      return typeof given === 'boolean' ? given : fault(walk, 'must be true or false');
    case 'choice':
      return readChoice(walk, shape.values, given);
    case 'list':
      if (!Array.isArray(given)) return fault(walk, 'must be a list');
      return given.map((item: unknown, at) => readBelow(walk, at, shape.item, item));
    case 'object':
      return isMap(given) ? readObject(walk, shape, given) : fault(walk, 'must be a map of keys');
    case 'names':
      return isMap(given) ? readNames(walk, shape, given) : fault(walk, 'must be a map of names');
    case 'either': {
      const option = shape.options.find((one) => isAbout(one, given));
      return option === undefined ? fault(walk, shape.what) : read(walk, option, given);
    }
    case 'later':
      return read(walk, shape.make(), given);
  }
}

function readBelow(walk: Walk, step: string | number, shape: Shape, given: unknown): unknown {
  walk.path.push(step);
  const value = read(walk, shape, given);
  walk.path.pop();
  return value;
}

function fault({ path, faults }: Walk, what: string, more: Partial<ShapeFault> = {}): undefined {
  faults.push({ path: [...path], what, suggestion: undefined, atKey: false, ...more });
}

function faultBelow(walk: Walk, step: string, what: string, more: Partial<ShapeFault> = {}): void {
  fault({ path: [...walk.path, step], faults: walk.faults }, what, more);
}

function readText(walk: Walk, { rules, min, max }: TextShape, given: unknown): unknown {
  if (typeof given !== 'string') return fault(walk, 'must be text');
  if (given.length < min) return fault(walk, given === '' ? 'is empty' : `must be at least ${min} characters long`);
  if (given.length > max) return fault(walk, `must be at most ${max} characters long`);
  const broken = brokenRule(rules, given);
  return broken === undefined ? given : fault(walk, broken);
}

function readNumber(walk: Walk, { isWhole, min, max, above }: NumberShape, given: unknown): unknown {
  if (typeof given !== 'number' || !Number.isFinite(given)) return fault(walk, 'must be a number');
  if (isWhole && !Number.isInteger(given)) return fault(walk, 'must be a whole number');
  if (given < min || (above && given === min)) return fault(walk, `must be ${above ? 'more than' : 'at least'} ${min}`);
  return given > max ? fault(walk, `must be at most ${max}`) : given;
}

function readChoice(walk: Walk, values: readonly string[], given: unknown): unknown {
  if (typeof given === 'string' && values.includes(given)) return given;
  const suggestion = typeof given === 'string' ? nearest(given, values) : undefined;
  return fault(walk, `must be ${orList(values)}`, { suggestion });
}

function readObject(walk: Walk, { keys }: ObjectShape, given: GivenMap): GivenMap {
  const made: Record<string, unknown> = {};
  for (const name in keys) {
    const { shape, isNeeded, preset } = keys[name] as Key;
    // A key without a value says nothing.
    const written = Object.hasOwn(given, name) ? (given[name] ?? undefined) : undefined;
    if (written !== undefined) made[name] = readBelow(walk, name, shape, written);
    else if (preset !== undefined) made[name] = preset;
    else if (isNeeded)
      faultBelow(walk, name, shape.kind === 'choice' ? `must be ${orList(shape.values)}` : 'is missing');
  }
  for (const name in given) {
    if (Object.hasOwn(keys, name)) continue;
    faultBelow(walk, name, UNKNOWN_KEY, { suggestion: nearest(name, Object.keys(keys)), atKey: true });
  }
  return made;
}

function readNames(walk: Walk, { name: nameShape, value, mayBeBlank }: NamesShape, given: GivenMap): GivenMap {
  const made: Record<string, unknown> = {};
  for (const name in given) {
    const written = given[name];
    const broken = name === '__proto__' ? 'cannot be a name' : brokenRule(nameShape.rules, name);
    if (broken !== undefined) faultBelow(walk, name, broken, { atKey: true });
    else made[name] = readBelow(walk, name, value, written === null && mayBeBlank ? {} : written);
  }
  return made;
}

function brokenRule(rules: TextShape['rules'], text: string): string | undefined {
  const broken = rules.find(([test]) => !(typeof test === 'function' ? test(text) : test.test(text)));
  return broken?.[1];
}

/** Whether an option is about values of this type, so that what is wrong with one is told in the option's words. */
function isAbout(option: Shape, given: unknown): boolean {
  if (option.kind === 'choice') return typeof given === 'string' && option.values.includes(given);
  if (option.kind === 'flag') return typeof given === 'boolean';
  if (option.kind === 'number') return typeof given === 'number';
  return option.kind === 'text' && typeof given === 'string';
}

function isMap(value: unknown): value is GivenMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shapeBelow(shape: Shape, step: string | number): Shape | undefined {
  if (shape.kind === 'later') return shapeBelow(shape.make(), step);
  if (shape.kind === 'object') return Object.hasOwn(shape.keys, step) ? shape.keys[step]?.shape : undefined;
  if (shape.kind === 'names') return shape.value;
  return shape.kind === 'list' ? shape.item : undefined;
}
