import { expect, test } from "bun:test";
import { chmodSync, linkSync, symlinkSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";

import { inspectFile, type Kind } from "../../examples/inspect-files.ts";
import { makeTree } from "./tree.ts";
import { withoutRights } from "./without-rights.ts";

/** The same bytes each time that look random: their entropy is close to 8 bits. */
function noise(bytes: number): Uint8Array {
  const out = new Uint8Array(bytes);
  let state = 1;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = state >>> 24;
  }
  return out;
}

test("the hash and size of a file are computed from its bytes", () => {
  using tree = makeTree({ "abc.txt": "abc" });
  const report = inspectFile(tree.at("abc.txt"));
  expect(report).toMatchObject({ path: tree.at("abc.txt"), kind: "text", bytes: 3, problem: null });
  expect(report.sha256).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

test("entropy is 0 if all bytes are equal, 1 with two values, 8 with all 256", () => {
  const all = Uint8Array.from({ length: 512 }, (_, i) => i % 256);
  using tree = makeTree({ equal: "a".repeat(999), two: "ab".repeat(500), all, noise: noise(1e5) });
  expect(inspectFile(tree.at("equal")).entropy).toBe(0);
  expect(inspectFile(tree.at("two")).entropy).toBeCloseTo(1, 12);
  expect(inspectFile(tree.at("all")).entropy).toBeCloseTo(8, 12);
  expect(inspectFile(tree.at("noise")).entropy).toBeWithin(7.99, 8);
});

test("the size after gzip is the one that gzip reports", () => {
  const words = "all work and no play makes Jack a dull boy\n".repeat(1000);
  using tree = makeTree({ words });
  expect(inspectFile(tree.at("words")).gzipBytes).toBe(gzipSync(words).length);
});

test("a file of several pieces is hashed whole, and its gzip members are one gzip", () => {
  const mebibyte = 1024 * 1024;
  const large = noise(2 * mebibyte + 12_345);
  using tree = makeTree({ large });
  const members = [0, 1, 2].map((i) => gzipSync(large.subarray(i * mebibyte, (i + 1) * mebibyte)));
  expect(inspectFile(tree.at("large"))).toMatchObject({
    bytes: large.length,
    sha256: new Bun.CryptoHasher("sha256").update(large).digest("hex"),
    gzipBytes: Buffer.concat(members).length,
  });
  expect(gunzipSync(Buffer.concat(members)).equals(large)).toBe(true);
});

test("an empty file is empty, and not missing", () => {
  using tree = makeTree({ nothing: "" });
  expect(inspectFile(tree.at("nothing"))).toMatchObject({
    kind: "empty",
    bytes: 0,
    gzipBytes: 0,
    entropy: 0,
    sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  });
});

test.each<[kind: Kind, name: string, content: string]>([
  ["text", "README.md", "# Title\n"],
  ["text", "latin1", "na\xefve"],
  ["script", "run", "#!/bin/sh\nexit 0\n"],
  ["script", "Main.TS", "export const a = 1;\n"],
  ["binary", "data", "a\0b"],
  ["binary", "not-really.js", "a\0b"],
  ["image", "a.png", "\x89PNG\r\n\x1a\n\0\0"],
  ["image", "b.webp", "RIFF\x10\0\0\0WEBPVP8 "],
  ["archive", "c.zip", "PK\x03\x04rest"],
  ["archive", "d.gz", "\x1f\x8b\x08rest"],
  ["archive", "e.tar", `${"\0".repeat(257)}ustar\0`],
  ["program", "f", "\x7fELF\x02\x01"],
  ["program", "g.wasm", "\0asm\x01\0\0\0"],
  ["document", "h.pdf", "%PDF-1.7\n"],
  ["font", "i.woff2", "wOF2\0\x01"],
  ["media", "j.mp4", "\0\0\0\x18ftypmp42"],
])("the kind is %s for %s", (kind, name, content) => {
  using tree = makeTree({ [name]: Buffer.from(content, "latin1") });
  expect(inspectFile(tree.at(name)).kind).toBe(kind);
});

test("a link is reported and not followed, even if it leads to itself", () => {
  using tree = makeTree({ file: "content" });
  symlinkSync("file", tree.at("link"));
  symlinkSync("loop", tree.at("loop"));
  expect(inspectFile(tree.at("link"))).toMatchObject({ kind: "link", bytes: 0, sha256: null });
  expect(inspectFile(tree.at("loop"))).toMatchObject({ kind: "link", bytes: 0, sha256: null });
});

test("a folder and a pipe are distinguished from files, and the pipe does not block", async () => {
  using tree = makeTree({ "folder/file": "" });
  await Bun.$`mkfifo ${tree.at("pipe")}`;
  expect(inspectFile(tree.at("folder"))).toMatchObject({ kind: "folder", sha256: null });
  expect(inspectFile(tree.at("pipe"))).toMatchObject({ kind: "special", sha256: null });
});

test("a file that is gone is reported as unreadable, with the reason", () => {
  using tree = makeTree({});
  const report = inspectFile(tree.at("gone"));
  expect(report).toMatchObject({ kind: "unreadable", bytes: 0, sha256: null, inode: null });
  expect(report.problem).toContain("ENOENT");
});

test("a file without permission is reported as unreadable, with the reason", () => {
  using tree = makeTree({ secret: "hidden" });
  chmodSync(tree.folder, 0o755);
  chmodSync(tree.at("secret"), 0);
  const call = `inspectFile(${JSON.stringify(tree.at("secret"))})`;
  const report = withoutRights("../../examples/inspect-files.ts", "inspectFile", call);
  expect(JSON.parse(report)).toMatchObject({ kind: "unreadable", sha256: null });
  expect(report).toContain("EACCES");
});

test("any other error is thrown, so that the job is tried again", () => {
  expect(() => inspectFile(`/${"x".repeat(300)}`)).toThrow("ENAMETOOLONG");
});

test("two names of one file share their inode", () => {
  using tree = makeTree({ a: "same", c: "same" });
  linkSync(tree.at("a"), tree.at("b"));
  expect(inspectFile(tree.at("a")).inode).toBe(inspectFile(tree.at("b")).inode);
  expect(inspectFile(tree.at("a")).inode).not.toBe(inspectFile(tree.at("c")).inode);
});
