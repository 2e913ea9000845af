import { expect, test } from "bun:test";

import { parseNetwork, refusalOf } from "../../../src/pool/notify/addresses.ts";

const networks = (...texts: string[]) => texts.flatMap((text) => parseNetwork(text) ?? []);

test.each([
  ...["0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.255"],
  ...["169.254.169.254", "168.63.129.16", "172.16.0.1", "172.31.255.255", "192.168.0.1"],
  ...["192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "203.0.113.9"],
  ...["::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:a9fe:a9fe"],
  ...["64:ff9b::10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "fc00::1", "fd00:ec2::254"],
  ...["fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2002:7f00:1::", "2001::1", "2001:db8::1"],
  ...["3fff::1", "100::1", "4000::1", "8000::1", "localhost", "", "1.2.3", "0x7f.1"],
])("%p is refused", (address) => {
  expect(refusalOf(address, [])).toBeString();
});

test.each([
  ...["1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "128.0.0.1"],
  ...["172.15.0.1", "172.32.0.1", "168.63.129.17", "223.255.255.255", "2606:4700::1111"],
  ...["2a00:1450::200e", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1"],
])("%p is of the public internet", (address) => {
  expect(refusalOf(address, [])).toBeNull();
});

test("an allowed address or network may be contacted, in any notation of it, and no other", () => {
  const allowed = networks("10.1.0.0/16", "192.168.1.5", "fd00::/8");
  for (const address of ["10.1.255.255", "192.168.1.5", "::ffff:192.168.1.5", "fd12::1"]) {
    expect(refusalOf(address, allowed)).toBeNull();
  }
  for (const address of ["10.2.0.0", "192.168.1.6", "127.0.0.1", "fc00::1"]) {
    expect(refusalOf(address, allowed)).toBeString();
  }
});

test("a network has an address and a number of bits", () => {
  for (const wrong of [
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "::/129",
    "a.b/8",
    "fe80::1%1",
  ]) {
    expect(parseNetwork(wrong)).toBeNull();
  }
});
