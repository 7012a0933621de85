import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAddressGuard, literalAddress } from './address-guard.ts';

describe('the address guard', () => {
  const guard = createAddressGuard([]);

  it.each([
    ['loopback', '127.0.0.1'],
    ['all of 127/8', '127.99.1.2'],
    ['IPv6 loopback', '::1'],
    ['unspecified', '0.0.0.0'],
    ['private 10/8', '10.0.0.1'],
    ['private 172.16/12', '172.31.255.1'],
    ['private 192.168/16', '192.168.1.1'],
    ['link-local and metadata', '169.254.169.254'],
    ['carrier-grade NAT', '100.100.100.200'],
    ['multicast', '224.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['reserved', '240.0.0.1'],
    ['a platform address', '168.63.129.16'],
    ['IPv6 link-local', 'fe80::1'],
    ['IPv6 link-local with a zone', 'fe80::1%eth0'],
    ['IPv6 unique local', 'fd00:ec2::254'],
    ['IPv6 multicast', 'ff02::1'],
    ['IPv4-mapped loopback', '::ffff:127.0.0.1'],
    ['IPv4-mapped in hexadecimal', '::ffff:7f00:1'],
    ['IPv4-compatible loopback', '::127.0.0.1'],
    ['NAT64 of a private address', '64:ff9b::a00:1'],
    ['6to4', '2002:7f00:1::'],
    ['Teredo', '2001:0:1234::1'],
    ['no address at all', ''],
    ['a name', 'localhost'],
  ])('refuses %s', (_what, address) => {
    expect(guard.allowsAddress(address)).toBe(false);
  });

  it.each(['8.8.8.8', '1.1.1.1', '2606:4700:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808'])(
    'allows the public address %s',
    (address) => {
      expect(guard.allowsAddress(address)).toBe(true);
    },
  );

  it('judges every IPv4 address the same, written as IPv4 or mapped into IPv6', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.tuple(byte, byte, byte, byte), (bytes) => {
        const address = bytes.join('.');
        expect(guard.allowsAddress(`::ffff:${address}`)).toBe(guard.allowsAddress(address));
      }),
    );
  });

  it('allows networks and single addresses that are listed, also when mapped', () => {
    const own = createAddressGuard(['10.1.0.0/16', '127.0.0.1', 'fd00::/8']);
    expect(own.allowsAddress('10.1.2.3')).toBe(true);
    expect(own.allowsAddress('::ffff:10.1.2.3')).toBe(true);
    expect(own.allowsAddress('10.2.0.1')).toBe(false);
    expect(own.allowsAddress('127.0.0.1')).toBe(true);
    expect(own.allowsAddress('127.0.0.2')).toBe(false);
    expect(own.allowsAddress('fd00::1')).toBe(true);
  });

  it('allows hosts by name, by suffix and by port', () => {
    const own = createAddressGuard(['Localhost', '*.internal', 'db.example:9000']);
    expect(own.allowsHost('localhost', 80)).toBe(true);
    expect(own.allowsHost('localhost.', 80)).toBe(true);
    expect(own.allowsHost('api.internal', 443)).toBe(true);
    expect(own.allowsHost('internal', 443)).toBe(false);
    expect(own.allowsHost('evilinternal', 443)).toBe(false);
    expect(own.allowsHost('db.example', 9000)).toBe(true);
    expect(own.allowsHost('db.example', 80)).toBe(false);
  });

  it('refuses an entry that it cannot understand', () => {
    expect(() => createAddressGuard(['http://x/'])).toThrow(RangeError);
  });

  it('knows an address from a name', () => {
    expect(literalAddress('[::1]')).toBe('::1');
    expect(literalAddress('127.0.0.1')).toBe('127.0.0.1');
    expect(literalAddress('example.com')).toBeNull();
  });
});
