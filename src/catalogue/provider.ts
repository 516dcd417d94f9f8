import type { Slot } from '../core/slot.ts';
import type { Endpoint, ProtocolId } from '../core/target.ts';
import type { PartialQuirks } from './quirks.ts';

/**
 * One provider: everything that is particular to it, and nothing that can be derived. A provider of the user's
 * configuration has the same type and goes the same way.
 */
export interface CatalogueEntry {
  /** Lower case, used in references: `deepseek:MODEL`. */
  readonly id: string;
  /** Other ids that people know it by. */
  readonly aliases?: readonly string[];
  readonly name: string;
  /** Variables in which its key is commonly kept; the first that is set wins. Empty: needs none. */
  readonly keyVariables: readonly string[];
  /** In order of preference. */
  readonly endpoints: readonly [Endpoint, ...Endpoint[]];
  /** The same provider elsewhere, by the region's name. */
  readonly regions?: Readonly<Record<string, Region>>;
  /** The base URL is the user's own (a resource, a machine): the one here only shows its form. */
  readonly needsBaseUrl?: true;
  /** The provider's model for each slot. Empty where the choice is the user's, or the client's name is understood. */
  readonly models: Readonly<Partial<Record<Slot, string>>>;
  /** The names that the client asks for are understood, or no name matters: works without a model. */
  readonly takesClientNames?: true;
  readonly quirks: PartialQuirks;
  /** Further quirks of single models, by their exact name. */
  readonly modelQuirks?: Readonly<Record<string, PartialQuirks>>;
  /** Named request patches, in order; see `patches/`. */
  readonly patches?: readonly string[];
  readonly docs: string;
}

/** Where a provider is reached in a region. */
export interface Region {
  readonly baseUrls: Readonly<Partial<Record<ProtocolId, string>>>;
  /** Variables whose key belongs to this region: one that is set chooses it. */
  readonly keyVariables?: readonly string[];
}

/** An endpoint on the open internet. */
export function remote(protocol: ProtocolId, baseUrl: string, auth: Endpoint['auth'] = 'bearer'): Endpoint {
  return { protocol, baseUrl, auth, local: false };
}

/** An endpoint on this machine or its network. */
export function local(protocol: ProtocolId, baseUrl: string, auth: Endpoint['auth'] = 'bearer'): Endpoint {
  return { protocol, baseUrl, auth, local: true };
}

/** The entry's endpoints as they are in a region; `undefined` for a region that it does not have. */
export function endpointsIn(entry: CatalogueEntry, region: string): readonly Endpoint[] | undefined {
  const regions = entry.regions ?? {};
  if (!Object.hasOwn(regions, region)) return undefined;
  return entry.endpoints.flatMap((endpoint) => {
    const baseUrl = regions[region]?.baseUrls[endpoint.protocol];
    return baseUrl === undefined ? [] : [{ ...endpoint, baseUrl }];
  });
}

/** The region to which the key in a variable belongs; `undefined` where it is the ordinary one. */
export function regionOfVariable(entry: CatalogueEntry, variable: string): string | undefined {
  return Object.entries(entry.regions ?? {}).find(([, region]) => region.keyVariables?.includes(variable))?.[0];
}

/** Quirks of one model of the entry on top of the entry's own, for `mergeQuirks`. */
export function modelQuirksOf(entry: CatalogueEntry, model: string | undefined): PartialQuirks | undefined {
  const quirks = entry.modelQuirks ?? {};
  return model !== undefined && Object.hasOwn(quirks, model) ? quirks[model] : undefined;
}
