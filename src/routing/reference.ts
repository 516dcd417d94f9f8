import { MidswapError } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { isSlot, type Slot } from '../core/slot.ts';
import type { Profile, Snapshot } from '../core/snapshot.ts';
import type { Target } from '../core/target.ts';
import { sameTarget } from './target-identity.ts';

/** What a reference means. */
export interface Reference {
  /** `profile`: another target for each slot; `model`: one target, whatever is asked for. */
  readonly kind: 'profile' | 'model';
  /** The reference in its normal spelling, for people and for the session. */
  readonly label: string;
  /** What the alias says, where the reference is one. */
  readonly alias: string | undefined;
  /** The profile through which it goes, whose fallback chain applies. */
  readonly profile: Profile | undefined;
  readonly slots: Partial<Readonly<Record<Slot, Target>>>;
  /** For a name that no slot covers; of a `model`, the one target. */
  readonly target: Target;
}

const KINDS = 'profile, alias, provider:model or model of a profile';

/** Prefix of the rows that midswap puts into the client's model picker, and of its ids in `/v1/models`. */
const PICKER_PREFIX = /^claude\//i;

/**
 * Reads a reference to a model: `profile`, `profile:model`, `provider:model`, `provider/model/name`, `alias`, or a plain
 * model id that exactly one profile names; `claude/REF` is REF. Case does not count.
 *
 * Exact names of profiles and aliases come before everything else. Where several of the remaining readings lead to
 * different targets, it is ambiguous.
 *
 * Errors: `unknown_reference` (with the nearest name), `ambiguous_reference` (with the candidates), `no_credential`.
 */
export function resolveReference(snapshot: Snapshot, text: string): Reference {
  return resolve(snapshot, text, []);
}

/** The same for a text that may mean nothing: then `undefined`, and no time is spent on the nearest name. */
export function findReference(snapshot: Snapshot, text: string): Reference | undefined {
  return readOne(snapshot, text, []);
}

/** The reference's target for the first of the slots that it covers. */
export function targetIn(reference: Reference, slots: readonly Slot[]): { target: Target; slot: Slot | undefined } {
  if (reference.kind === 'profile') {
    for (const slot of slots) {
      const target = reference.slots[slot];
      if (target) return { target, slot };
    }
  }
  return { target: reference.target, slot: undefined };
}

/** The text without the prefix of a picker row. */
function withoutPickerPrefix(text: string): string {
  return text.replace(PICKER_PREFIX, '');
}

export function hasPickerPrefix(text: string): boolean {
  return PICKER_PREFIX.test(text);
}

function resolve(snapshot: Snapshot, text: string, trail: readonly string[]): Reference {
  const found = readOne(snapshot, text, trail);
  if (!found) throw unknown(snapshot, withoutPickerPrefix(text.trim()), trail);
  return found;
}

function readOne(snapshot: Snapshot, given: string, trail: readonly string[]): Reference | undefined {
  const text = withoutPickerPrefix(given.trim());
  const key = text.toLowerCase();
  const named = byExactName(snapshot, key, trail);
  const readings = named.length > 0 ? named : [...byPath(snapshot, text), ...byModelId(snapshot, key)];
  const usable = readings.filter((reading) => whyUnusable(reading) === undefined);
  const distinct = withoutRepeats(usable.length > 0 ? usable : readings);
  const [only, second] = distinct;
  if (!only) return undefined;
  if (second) throw ambiguous(text, distinct);
  const reason = whyUnusable(only);
  if (reason !== undefined) throw new MidswapError('no_credential', `${describe(only)} cannot be used: ${reason}`);
  return only;
}

function byExactName(snapshot: Snapshot, key: string, trail: readonly string[]): Reference[] {
  const found: Reference[] = [];
  const profile = snapshot.profiles.get(key);
  if (profile) found.push(profileReference(profile));
  const alias = snapshot.aliases.get(key);
  if (alias !== undefined) found.push(aliasReference(snapshot, key, alias, trail));
  if (found.length > 0) return found;
  // The other names of a provider, after everything that the user named.
  const byOtherName = snapshot.profiles.get(snapshot.providerId(key) ?? key);
  return byOtherName ? [profileReference(byOtherName)] : [];
}

function aliasReference(snapshot: Snapshot, name: string, meaning: string, trail: readonly string[]): Reference {
  if (trail.includes(name)) {
    const circle = [...trail.slice(trail.indexOf(name)), name].join(' -> ');
    throw new MidswapError('unknown_reference', `alias "${name}" leads back to itself: ${circle}`, {
      hint: 'Let one of these aliases name a profile or a model.',
    });
  }
  return { ...resolve(snapshot, meaning, [...trail, name]), label: name, alias: meaning };
}

/** `profile:model`, `provider:model` and `provider/model/name`. Model names may hold further colons and slashes. */
function byPath(snapshot: Snapshot, text: string): Reference[] {
  const found: Reference[] = [];
  const colon = split(text, ':');
  if (colon) {
    const profile = snapshot.profiles.get(colon.left.toLowerCase());
    const provider = snapshot.providerId(colon.left);
    // A profile is the user's own word, so it goes before a provider of the same name.
    if (profile) found.push(inProfile(snapshot, profile, colon.right));
    else if (provider !== undefined) found.push(atProvider(snapshot, provider, colon.right));
  }
  const slash = split(text, '/');
  const provider = slash && snapshot.providerId(slash.left);
  if (slash && provider !== undefined) found.push(atProvider(snapshot, provider, slash.right));
  return found;
}

function byModelId(snapshot: Snapshot, key: string): Reference[] {
  const found: Reference[] = [];
  for (const profile of snapshot.profiles.values()) {
    const target = profileTargets(profile).find((candidate) => candidate.model?.toLowerCase() === key);
    if (target) found.push(modelReference(`${profile.name}:${target.model}`, target, profile));
  }
  return found;
}

function inProfile(snapshot: Snapshot, profile: Profile, model: string): Reference {
  const word = model.toLowerCase();
  const label = `${profile.name}:${model}`;
  if (isSlot(word))
    return modelReference(`${profile.name}:${word}`, profile.slots[word] ?? profile.fallbackTarget, profile);
  const own = profileTargets(profile).find((target) => target.model?.toLowerCase() === word);
  if (own) return modelReference(`${profile.name}:${own.model}`, own, profile);
  const name = spelling(snapshot, profile.provider, model);
  return modelReference(
    name === model ? label : `${profile.name}:${name}`,
    snapshot.targetFor(profile.provider, name, profile.name),
    profile,
  );
}

function atProvider(snapshot: Snapshot, provider: string, model: string): Reference {
  const name = spelling(snapshot, provider, model);
  return modelReference(`${provider}:${name}`, snapshot.targetFor(provider, name), snapshot.profiles.get(provider));
}

/** The model's name as the provider spells it, where it is known: references do not mind case, providers do. */
function spelling(snapshot: Snapshot, provider: string, model: string): string {
  const wanted = model.toLowerCase();
  const known = [...snapshot.modelNames(provider)];
  return known.find((name) => name === model) ?? known.find((name) => name.toLowerCase() === wanted) ?? model;
}

function profileReference(profile: Profile): Reference {
  return {
    kind: 'profile',
    label: profile.name,
    alias: undefined,
    profile,
    slots: profile.slots,
    target: profile.fallbackTarget,
  };
}

function modelReference(label: string, target: Target, profile: Profile | undefined): Reference {
  return { kind: 'model', label, alias: undefined, profile, slots: {}, target };
}

function profileTargets(profile: Profile): Target[] {
  return [...Object.values(profile.slots), profile.fallbackTarget];
}

function whyUnusable(reading: Reference): string | undefined {
  if (reading.kind === 'profile') return reading.profile?.unusable;
  const { credential } = reading.target;
  return credential.kind === 'missing' ? credential.reason : undefined;
}

function split(text: string, separator: string): { left: string; right: string } | undefined {
  const at = text.indexOf(separator);
  if (at <= 0 || at === text.length - 1) return undefined;
  return { left: text.slice(0, at).trim(), right: text.slice(at + 1).trim() };
}

function withoutRepeats(readings: readonly Reference[]): Reference[] {
  const distinct: Reference[] = [];
  for (const reading of readings) {
    if (!distinct.some((other) => other.kind === reading.kind && leadsToSame(other, reading))) distinct.push(reading);
  }
  return distinct;
}

function leadsToSame(a: Reference, b: Reference): boolean {
  return a.kind === 'profile' ? a.profile === b.profile : sameTarget(a.target, b.target);
}

function describe(reference: Reference): string {
  return reference.kind === 'profile' ? `profile "${reference.label}"` : `"${reference.label}"`;
}

function ambiguous(text: string, readings: readonly Reference[]): MidswapError {
  const candidates = readings.map(candidateText);
  return new MidswapError('ambiguous_reference', `"${text}" can mean ${candidates.join(' or ')}`, {
    hint: 'Write profile:model or provider:model.',
  });
}

function candidateText(reading: Reference): string {
  if (reading.alias !== undefined) return `alias "${reading.label}" (${reading.alias})`;
  if (reading.kind === 'profile') return `profile "${reading.label}"`;
  return `${reading.label} (${reading.target.provider}:${reading.target.model ?? "the client's own name"})`;
}

function unknown(snapshot: Snapshot, text: string, trail: readonly string[]): MidswapError {
  const [subject, end] =
    trail.length > 0
      ? [`alias "${trail.join('" -> "')}" means "${text}"`, `, which is no ${KINDS}`]
      : [`"${text}"`, ` is no ${KINDS}`];
  const path = /^([^:/]+)([:/].+)$/s.exec(text);
  const [, head = '', rest = ''] = path ?? [];
  const meaning = meaningOf(snapshot, head.toLowerCase());
  if (meaning !== undefined) {
    const what = `${subject}${trail.length > 0 ? '; ' : ': '}"${head}" is an alias of "${meaning}", and only a profile or a provider has models`;
    return new MidswapError('unknown_reference', what, {
      hint: `Did you mean "${meaning.split(/[:/]/, 1)[0]}${rest}"?`,
    });
  }
  const place = path === null ? undefined : nearest(head, [...snapshot.profiles.keys(), ...snapshot.providers.keys()]);
  const near = place === undefined ? nearest(text, names(snapshot)) : place + rest;
  return new MidswapError('unknown_reference', subject + end, {
    hint:
      near !== undefined
        ? `Did you mean "${near}"?`
        : 'List what there is with "midswap profile list" and "midswap models".',
  });
}

/** What an alias comes to; `undefined` for what is none, and for one that leads back to itself. */
function meaningOf({ aliases }: Snapshot, name: string): string | undefined {
  const seen = new Set<string>();
  let text = name;
  for (let next = aliases.get(name); next !== undefined; next = aliases.get(text.toLowerCase())) {
    if (seen.has(next.toLowerCase())) return undefined;
    seen.add(next.toLowerCase());
    text = next;
  }
  return seen.size === 0 ? undefined : text;
}

function* names(snapshot: Snapshot): Generator<string> {
  for (const profile of snapshot.profiles.values()) yield profile.name;
  yield* snapshot.aliases.keys();
  for (const profile of snapshot.profiles.values()) {
    for (const target of profileTargets(profile)) {
      if (target.model === undefined) continue;
      yield target.model;
      yield `${profile.name}:${target.model}`;
      yield `${target.provider}:${target.model}`;
    }
  }
}
