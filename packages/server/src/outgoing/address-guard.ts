import ipaddr from 'ipaddr.js';

/** Decides which addresses an outgoing request may reach. */
export interface AddressGuard {
  /** True when the host was allowed by name (with its port, where the entry has one): its addresses are not checked. */
  allowsHost(hostname: string, port: number): boolean;
  /** True for a public unicast address, and for one in an allowed network. */
  allowsAddress(address: string): boolean;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Azure's platform address: public by its number, reachable from inside a machine only. */
const PLATFORM_ADDRESSES = new Set(['168.63.129.16']);

/**
 * A guard with exceptions: host names (`api.internal`, `*.internal`, `localhost:9000`), addresses and networks
 * (`10.1.0.0/16`, `fd00::/8`). Throws a `RangeError` for an entry that is none of these.
 */
export function createAddressGuard(allow: readonly string[]): AddressGuard {
  const networks: [Address, number][] = [];
  const hosts: { suffix: boolean; name: string; port: number | null }[] = [];
  for (const raw of allow) {
    const entry = raw.trim().toLowerCase();
    if (entry === '') continue;
    if (ipaddr.isValidCIDR(entry)) networks.push(ipaddr.parseCIDR(entry));
    else if (isAddress(entry)) networks.push(asNetwork(ipaddr.parse(entry)));
    else hosts.push(parseHost(entry));
  }

  function allowsHost(hostname: string, port: number): boolean {
    const name = hostname.toLowerCase().replace(/\.$/, '');
    return hosts.some(
      (entry) =>
        (entry.port === null || entry.port === port) &&
        (entry.suffix ? name.endsWith(entry.name) && name !== entry.name : name === entry.name),
    );
  }

  function allowsAddress(text: string): boolean {
    if (!isAddress(text)) return false;
    const address = plainAddress(ipaddr.parse(text));
    if (networks.some(([network, bits]) => contains(address, network, bits))) return true;
    return address.range() === 'unicast' && !PLATFORM_ADDRESSES.has(address.toString());
  }

  return { allowsHost, allowsAddress };
}

/** The textual form that `URL` leaves in `hostname`, without the brackets of IPv6; null for a name. */
export function literalAddress(hostname: string): string | null {
  const text = hostname.replace(/^\[|\]$/g, '');
  return isAddress(text) ? text : null;
}

function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
}

/** An IPv4 address inside IPv6 (mapped, or of the NAT64 network) is judged as what it reaches. */
function plainAddress(address: Address): Address {
  if (!(address instanceof ipaddr.IPv6)) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  const nat64 = address.match(ipaddr.IPv6.parse('64:ff9b::'), 96);
  return nat64 ? new ipaddr.IPv4(address.toByteArray().slice(12)) : address;
}

function contains(address: Address, network: Address, bits: number): boolean {
  if (address instanceof ipaddr.IPv4) return network instanceof ipaddr.IPv4 && address.match(network, bits);
  return network instanceof ipaddr.IPv6 && address.match(network, bits);
}

function asNetwork(address: Address): [Address, number] {
  const plain = plainAddress(address);
  return [plain, plain instanceof ipaddr.IPv4 ? 32 : 128];
}

function parseHost(entry: string): { suffix: boolean; name: string; port: number | null } {
  const match = /^(\*\.)?([a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?)(?::(\d{1,5}))?$/.exec(entry);
  if (match?.[2] === undefined) throw new RangeError(`not a host, address or network: ${entry}`);
  const suffix = match[1] !== undefined;
  return {
    suffix,
    name: suffix ? `.${match[2]}` : match[2],
    port: match[3] === undefined ? null : Number(match[3]),
  };
}
