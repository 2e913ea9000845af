import { isIP } from "node:net";

/** Addresses that begin with the same bits. */
interface Network {
  /** As it is written, such as 10.0.0.0/8. */
  text: string;
  /** 4 or 6. */
  family: number;
  start: bigint;
  bits: number;
}

/** Networks of IPv4 that are not the public internet, and their kinds. */
const special4: Readonly<Record<string, string>> = {
  "0.0.0.0/8": "this machine",
  "10.0.0.0/8": "private",
  "100.64.0.0/10": "private (carrier-grade NAT)",
  "127.0.0.0/8": "loopback",
  "168.63.129.16/32": "metadata",
  "169.254.0.0/16": "link-local or metadata",
  "172.16.0.0/12": "private",
  "192.0.0.0/24": "reserved",
  "192.0.2.0/24": "reserved",
  "192.88.99.0/24": "reserved",
  "192.168.0.0/16": "private",
  "198.18.0.0/15": "reserved",
  "198.51.100.0/24": "reserved",
  "203.0.113.0/24": "reserved",
  "224.0.0.0/4": "multicast",
  "240.0.0.0/4": "reserved",
};

/** The same of IPv6, where the public internet is 2000::/3. */
const special6: Readonly<Record<string, string>> = {
  "::1/128": "loopback",
  "fc00::/7": "unique-local",
  "fe80::/10": "link-local",
  "ff00::/8": "multicast",
  "2001::/23": "reserved",
  "2001:db8::/32": "reserved",
  "2002::/16": "reserved",
  "3fff::/20": "reserved",
  "::/3": "reserved",
  "4000::/2": "reserved",
  "8000::/1": "reserved",
};

/** Networks of IPv6 whose last 32 bits are an address of IPv4: mapped, and NAT64. */
const embedding = ["::ffff:0:0/96", "64:ff9b::/96"];

/** Parses an address, or a network such as 10.0.0.0/8; null if it is neither. */
export function parseNetwork(text: string): Network | null {
  const [address = "", length, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || address.includes("%") || rest.length > 0) return null;
  const whole = family === 4 ? 32 : 128;
  const bits = length === undefined ? whole : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (bits < 0 || bits > whole) return null;
  return { text, family, start: family === 4 ? number4(address) : number6(address), bits };
}

/**
 * Why an address must not be contacted, as in "loopback (127.0.0.0/8)"; null if it can be. It can
 * be if it is of the public internet, or in one of the `allowed` networks.
 */
export function refusalOf(address: string, allowed: readonly Network[]): string | null {
  const found = parseNetwork(address.replace(/%.*$/, ""));
  if (found === null) return "no address";
  const own = withoutEmbedding(found);
  if (allowed.some((network) => isIn(own, network) || isIn(found, network))) return null;
  const networks = own.family === 4 ? special4Networks : special6Networks;
  const match = networks.find(({ network }) => isIn(own, network));
  return match === undefined ? null : `${match.kind} (${match.network.text})`;
}

const networksOf = (table: Readonly<Record<string, string>>) =>
  Object.entries(table).map(([text, kind]) => ({ network: requireNetwork(text), kind }));

function requireNetwork(text: string): Network {
  const network = parseNetwork(text);
  if (network === null) throw new Error(`expected a network, found ${text}`);
  return network;
}

function isIn({ family, start }: Network, network: Network): boolean {
  if (family !== network.family) return false;
  const rest = BigInt((family === 4 ? 32 : 128) - network.bits);
  return start >> rest === network.start >> rest;
}

function withoutEmbedding(found: Network): Network {
  if (!embeddingNetworks.some((network) => isIn(found, network))) return found;
  return { ...found, family: 4, start: found.start & 0xffff_ffffn, bits: 32 };
}

const number4 = (address: string): bigint =>
  address.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);

function number6(address: string): bigint {
  const [head = "", tail] = address.split("::");
  const front = groupsOf(head);
  const back = groupsOf(tail ?? "");
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => 0n);
  return [...front, ...zeros, ...back].reduce((sum, group) => sum * 65_536n + group, 0n);
}

/** The groups of 16 bits of a part of an address; the last two may be written as IPv4. */
function groupsOf(part: string): bigint[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (!group.includes(".")) return [BigInt(`0x${group}`)];
    const number = number4(group);
    return [number >> 16n, number & 0xffffn];
  });
}

const special4Networks = networksOf(special4);
const special6Networks = networksOf(special6);
const embeddingNetworks = embedding.map(requireNetwork);
