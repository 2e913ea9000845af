// What a binary has in it that others made: for build.ts, which writes it beside the binary.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import * as v from "valibot";

import lock from "./package-lock.json" with { type: "json" };
import packageJson from "./package.json" with { type: "json" };
import { parse } from "./src/domain/parse.ts";
import type { ProgramFile } from "./src/server/program-files.ts";

interface Component {
  name: string;
  version: string;
  /** As SPDX calls it, where it has a name for it. */
  license: string;
  /** Where it comes from, as a package URL. */
  purl: string;
  /** Of the package, as npm checks it: SHA-512, in base64. */
  integrity: string | null;
  /** What its package says of its licence. */
  text: string;
}

const root = import.meta.dir;

/** By the name of a library of the server: what it is and its licence, with where that stands. */
const libraries: readonly { file: RegExp; name: string; license: string; url: string }[] = [
  {
    file: /^lib(ssl|crypto)\./,
    name: "openssl",
    license: "OpenSSL",
    url: "https://www.openssl.org/source/license-openssl-ssleay.txt",
  },
  {
    file: /^libicu/,
    name: "icu",
    license: "ICU",
    url: "https://github.com/unicode-org/icu/blob/main/LICENSE",
  },
  {
    file: /^libxml2\./,
    name: "libxml2",
    license: "MIT",
    url: "https://gitlab.gnome.org/GNOME/libxml2/-/blob/master/Copyright",
  },
  {
    file: /^libz\./,
    name: "zlib",
    license: "Zlib",
    url: "https://zlib.net/zlib_license.html",
  },
  {
    file: /^liblzma\./,
    name: "xz-liblzma",
    license: "public domain",
    url: "https://tukaani.org/xz/",
  },
];

/** The packages whose code is in the binary, by the files that the bundler read. */
export function bundledPackages(files: readonly string[]): Component[] {
  const names = files.map(
    (file) => /node_modules\/((?:@[^/]+\/)?[^/.][^/]*)\/(?!.*node_modules)/.exec(file)?.[1],
  );
  return [...new Set(names.filter((name) => name !== undefined))].sort().map(npmPackage);
}

const Description = v.object({ version: v.string(), license: v.optional(v.string(), "unknown") });

function npmPackage(name: string): Component {
  const folder = join(root, "node_modules", name);
  const text = readFileSync(join(folder, "package.json"), "utf8");
  const { version, license } = parse(Description, JSON.parse(text), `package.json of ${name}`);
  const licences = readdirSync(folder).filter((file) => /^(un)?licen[cs]e/i.test(file));
  return {
    ...{ name, version, license },
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    integrity: integrityOf(name),
    text: licences.map((file) => readFileSync(join(folder, file), "utf8").trim()).join("\n\n"),
  };
}

const Locked = v.object({ integrity: v.optional(v.string()) });

function integrityOf(name: string): string | null {
  const found = Object.entries(lock.packages).find(([path]) => path === `node_modules/${name}`);
  const { integrity } = parse(Locked, found?.[1] ?? {}, `package-lock.json of ${name}`);
  return integrity?.replace("sha512-", "") ?? null;
}

/** Bun, which is most of the binary. */
const bun = (): Component => ({
  ...{ name: "bun", version: Bun.version, license: "MIT" },
  purl: `pkg:github/oven-sh/bun@bun-v${Bun.version}`,
  integrity: null,
  text: "With JavaScriptCore (LGPL-2.1) and others: https://bun.com/docs/project/license",
});

/** PostgreSQL, the package that it comes in, and the libraries that come with it. */
export function embeddedServer(
  name: keyof typeof packageJson.optionalDependencies,
  files: readonly ProgramFile[],
): Component[] {
  const version = packageJson.optionalDependencies[name];
  const postgres: Component = {
    ...{ name: "postgresql", version: version.replace(/\.\d+-.*/, ""), license: "PostgreSQL" },
    purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
    integrity: integrityOf(name),
    text: "https://www.postgresql.org/about/licence/",
  };
  const found = new Map<string, Component>();
  for (const file of files) {
    const library = /^lib\/(lib[^/]+)$/.exec(file.name)?.[1];
    if (library === undefined || library.startsWith("libpq.")) continue;
    const known = libraries.find((each) => each.file.test(library));
    const what = known?.name ?? basename(library);
    const soVersion = /\.(?:so|dylib)\.([\d.]+)$/.exec(library)?.[1] ?? "0";
    const before = found.get(what);
    if (before && before.version.length >= soVersion.length) continue;
    found.set(what, {
      ...{ name: what, version: soVersion, license: known?.license ?? "unknown" },
      purl: `pkg:generic/${what}@${soVersion}`,
      integrity: null,
      text: `${known?.url ?? ""} (a library in ${name}; its version is that of its file)`,
    });
  }
  return [postgres, ...[...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1))];
}

/** For people: what there is, under which licence. */
function thirdPartyText(components: readonly Component[]): string {
  const parts = components.map(({ name, version, license, purl, text }) =>
    [`${name} ${version}: ${license}`, purl, ...(text === "" ? [] : ["", text]), ""].join("\n"),
  );
  const rule = `\n${"-".repeat(80)}\n\n`;
  return ["What this build of pdoflow has in it that others made.\n", ...parts].join(rule);
}

const spdx = /^[\w.+-]+$/;

/** For programs: CycloneDX 1.6. It has neither time nor serial number: each build has the same. */
function sbom(components: readonly Component[], binary: string): string {
  const refOf = ({ purl }: Component) => purl;
  const { name, version, license } = packageJson;
  const self = `pkg:generic/${name}@${version}`;
  const digest = new Bun.CryptoHasher("sha256").update(readFileSync(binary)).digest("hex");
  const document = {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        ...{ type: "application", "bom-ref": self, name, version },
        licenses: [{ license: { id: license } }],
        hashes: [{ alg: "SHA-256", content: digest }],
      },
    },
    components: components.map((each) => ({
      ...{ type: "library", "bom-ref": refOf(each), name: each.name, version: each.version },
      ...(each.license === "unknown" ? {} : { licenses: [licenseOf(each.license)] }),
      purl: each.purl,
      ...(each.integrity === null ? {} : { hashes: [hashOf(each.integrity)] }),
    })),
    dependencies: [{ ref: self, dependsOn: components.map(refOf) }],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

const licenseOf = (license: string) => ({
  license: spdx.test(license) ? { id: license } : { name: license },
});

const hashOf = (integrity: string) => ({
  alg: "SHA-512",
  content: Buffer.from(integrity, "base64").toString("hex"),
});

/** Where that is written: THIRD_PARTY and pdoflow.cdx.json, with the ending of the binary's name. */
const toldIn = (outfile: string) => ({
  text: join(dirname(outfile), basename(outfile).replace(/^pdoflow/, "THIRD_PARTY")),
  sbom: `${outfile}.cdx.json`,
});

/** Whether it stands beside a binary what that has in it. */
export const isToldOf = (outfile: string): boolean =>
  Object.values(toldIn(outfile)).every((file) => existsSync(file));

/** Writes beside a binary what others made of it: of these packages, and of such a server. */
export function tell(
  outfile: string,
  packages: readonly Component[],
  server: readonly Component[],
) {
  const components = [bun(), ...server, ...packages];
  const { text, sbom: list } = toldIn(outfile);
  writeFileSync(text, thirdPartyText(components));
  writeFileSync(list, sbom(components, outfile));
}
