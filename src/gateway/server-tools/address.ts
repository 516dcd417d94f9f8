import { isIP } from 'node:net';

/** Tells whether an address, as text without brackets, is one that anybody on the internet may talk to. */
export type AddressCheck = (address: string) => boolean;

/** Public by their range, and yet the inside of a cloud: Azure's agent, which hands out credentials. */
const INSIDE = new Set(['168.63.129.16']);

/** Loads the check. What cannot be read is not public. */
export async function loadAddressCheck(): Promise<AddressCheck> {
  const { default: ipaddr } = await import('ipaddr.js');
  return (address) => {
    if (isIP(address) === 0 || INSIDE.has(address)) return false;
    const parsed = ipaddr.parse(address);
    if (parsed.range() !== 'unicast') return false;
    // Global unicast is 2000::/3; everything else of IPv6 is special, whether or not a table knows it yet.
    return parsed.kind() === 'ipv4' || ((parsed.toByteArray()[0] ?? 0) & 0xe0) === 0x20;
  };
}

/** The address that a host of a URL is, without brackets; `undefined` for a name. URL parsing has already turned decimal,
 * octal, hexadecimal and shortened forms into the plain one. */
export function literalAddress(hostname: string): string | undefined {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return isIP(bare) === 0 ? undefined : bare;
}
