import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { literalAddress, loadAddressCheck } from './address.ts';

const isPublic = await loadAddressCheck();

describe('an address is public', () => {
  it.each(['1.1.1.1', '8.8.8.8', '172.15.0.1', '172.32.0.1', '192.167.1.1', '2606:4700::1111', '2a00:1450::8a'])(
    '%s',
    (address) => expect(isPublic(address)).toBe(true),
  );
});

describe('an address is not public', () => {
  it.each([
    ['this host', '0.0.0.0'],
    ['this network', '0.1.2.3'],
    ['loopback', '127.0.0.1'],
    ['loopback, at its end', '127.255.255.254'],
    ['private', '10.0.0.1'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['carrier-grade NAT', '100.64.0.1'],
    ['carrier-grade NAT, its end', '100.127.255.255'],
    ['link-local, cloud metadata', '169.254.169.254'],
    ['cloud metadata within carrier-grade NAT', '100.100.100.200'],
    ['cloud metadata in the reserved range', '192.0.0.192'],
    ['a cloud agent at a public address', '168.63.129.16'],
    ['documentation', '192.0.2.1'],
    ['documentation', '203.0.113.9'],
    ['benchmarks', '198.19.0.1'],
    ['6to4 relays', '192.88.99.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified', '::'],
    ['loopback', '::1'],
    ['IPv4-compatible', '::7f00:1'],
    ['IPv4-mapped loopback', '::ffff:127.0.0.1'],
    ['IPv4-mapped, whatever is in it', '::ffff:8.8.8.8'],
    ['IPv4-translated', '::ffff:0:127.0.0.1'],
    ['NAT64 of loopback', '64:ff9b::7f00:1'],
    ['local NAT64', '64:ff9b:1::1'],
    ['6to4 of loopback', '2002:7f00:1::'],
    ['6to4 of metadata', '2002:a9fe:a9fe::1'],
    ['Teredo', '2001:0:53aa:64c::1'],
    ['unique local', 'fc00::1'],
    ['unique local, cloud metadata', 'fd00:ec2::254'],
    ['link-local', 'fe80::1'],
    ['link-local with a zone', 'fe80::1%eth0'],
    ['site-local', 'fec0::1'],
    ['multicast', 'ff02::1'],
    ['discard', '100::1'],
    ['documentation', '2001:db8::1'],
    ['documentation', '3fff::1'],
    ['not given out', '4000::1'],
    ['no address', 'example.com'],
    ['nothing', ''],
    ['octal as text', '0177.0.0.1'],
    ['decimal as text', '2130706433'],
  ])('%s: %s', (_, address) => expect(isPublic(address)).toBe(false));

  it('whichever IPv4 address stands inside of a mapped, translated or 6to4 one', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255), (a, b, c, d) => {
        const [high, low] = [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)];
        for (const form of [
          `::ffff:${high}:${low}`,
          `64:ff9b::${high}:${low}`,
          `2002:${high}:${low}::1`,
          `::${high}:${low}`,
        ])
          expect(isPublic(form)).toBe(false);
      }),
    );
  });

  it('any address outside of 2000::/3', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const group = address.startsWith(':') ? 0 : Number.parseInt(address.split(':', 1)[0] ?? '0', 16);
        fc.pre(group >> 13 !== 1);
        expect(isPublic(address)).toBe(false);
      }),
    );
  });
});

describe('the host of a URL is an address', () => {
  it.each([
    ['http://127.0.0.1/', '127.0.0.1'],
    ['http://2130706433/', '127.0.0.1'],
    ['http://0x7f000001/', '127.0.0.1'],
    ['http://0x7f.1/', '127.0.0.1'],
    ['http://0177.0.0.01/', '127.0.0.1'],
    ['http://017700000001/', '127.0.0.1'],
    ['http://127.1/', '127.0.0.1'],
    ['http://127.0.0.1./', '127.0.0.1'],
    ['http://0/', '0.0.0.0'],
    ['http://①②⑦.⓪.⓪.①/', '127.0.0.1'],
    ['http://%31%32%37.0.0.1/', '127.0.0.1'],
    ['http://[::1]/', '::1'],
    ['http://[::ffff:127.0.0.1]/', '::ffff:7f00:1'],
    ['http://[0:0:0:0:0:ffff:a9fe:a9fe]/', '::ffff:a9fe:a9fe'],
  ])('%s', (url, address) => expect(literalAddress(new URL(url).hostname)).toBe(address));

  it.each(['http://localhost/', 'http://127.0.0.1.nip.io/', 'http://a.127.0.0.1.example/'])('but not %s', (url) => {
    expect(literalAddress(new URL(url).hostname)).toBeUndefined();
  });
});
