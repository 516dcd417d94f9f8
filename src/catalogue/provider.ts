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
  /** Base URLs by protocol in other regions: `{ cn: { 'openai-chat': 'https://...' } }`. */
  readonly regions?: Readonly<Record<string, Readonly<Partial<Record<ProtocolId, string>>>>>;
  /** The base URL is the user's own (a resource, a machine): the one here only shows its form. */
  readonly needsBaseUrl?: true;
  /** The provider's model for each slot. Empty where the choice is the user's, or the client's name is understood. */
  readonly models: Readonly<Partial<Record<Slot, string>>>;
  /** Why there are no default models, where there are none. */
  readonly noModels?: string;
  readonly quirks: PartialQuirks;
  /** Further quirks of single models, by their exact name. */
  readonly modelQuirks?: Readonly<Record<string, PartialQuirks>>;
  /** Named request patches, in order; see `patches/`. */
  readonly patches?: readonly string[];
  readonly docs: string;
}

/** An endpoint on the open internet. */
export function remote(protocol: ProtocolId, baseUrl: string, auth: Endpoint['auth'] = 'bearer'): Endpoint {
  return { protocol, baseUrl, auth, local: false };
}

/** An endpoint on this machine or its network. */
export function local(protocol: ProtocolId, baseUrl: string, auth: Endpoint['auth'] = 'bearer'): Endpoint {
  return { protocol, baseUrl, auth, local: true };
}

/** The entry's endpoints as they are in a region. */
export function endpointsIn(entry: CatalogueEntry, region: string): readonly Endpoint[] | undefined {
  const urls = entry.regions?.[region];
  if (!urls) return undefined;
  return entry.endpoints.flatMap((endpoint) => {
    const baseUrl = urls[endpoint.protocol];
    return baseUrl === undefined ? [] : [{ ...endpoint, baseUrl }];
  });
}
