import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import packageJson from "../package.json" with { type: "json" };
import { migrations } from "../src/db/admin/migration-list.ts";
import { oldestUsableSchema, schemaDigest, schemaVersion } from "../src/db/admin/this-schema.ts";
import { BuildFailed } from "./build-failed.ts";
import { bundle, declarations } from "./bundle.ts";
import { thirdPartyText } from "./licenses.ts";
import { isNewerThanSources } from "./sources.ts";

const root = join(import.meta.dir, "..");
const entryPoints = ["index", "testing"];
const packed = join(root, `dist/${packageJson.name}-${packageJson.version}.tgz`);

/**
 * Makes the npm package of the library: the folder dist/npm and its tarball beside it. Returns the
 * path of the tarball. Both appear whole or not at all.
 */
export async function buildPackage({ ifChanged = false } = {}): Promise<string> {
  if (ifChanged && isNewerThanSources(packed)) return packed;
  return (await buildPackageWithFiles()).tarball;
}

/** As `buildPackage`; also returns the files that are in the bundle. */
export async function buildPackageWithFiles(): Promise<{ tarball: string; bundled: string[] }> {
  const startedAt = new Date();
  mkdirSync(join(root, "dist"), { recursive: true });
  const draft = mkdtempSync(join(root, "dist/.npm-"));
  try {
    const folder = join(draft, "package");
    const compiled = join(draft, "compiled");
    run(["tsc", "--project", "build/package.tsconfig.json", "--outDir", compiled], root);
    writeSchema(join(compiled, "db/admin"));
    const bundled = await bundle(compiled, entryPoints, join(folder, "lib"));
    for (const file of declarations(compiled, entryPoints)) {
      mkdirSync(join(folder, "lib", dirname(file)), { recursive: true });
      cpSync(join(compiled, file), join(folder, "lib", file));
    }
    writeFileSync(join(folder, "THIRD_PARTY"), thirdPartyText(bundled));
    writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest(), null, 2)}\n`);
    for (const name of ["LICENSE", "CHANGELOG.md"]) cpSync(join(root, name), join(folder, name));
    writeFileSync(join(folder, "README.md"), readMe());
    const tarball = pack(folder, draft);
    rmSync(join(root, "dist/npm"), { recursive: true, force: true });
    renameSync(folder, join(root, "dist/npm"));
    utimesSync(tarball, startedAt, startedAt); // a source that is edited in the meantime is newer
    renameSync(tarball, packed);
    return { tarball: packed, bundled };
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/**
 * Node can't import .sql files, so for the package one module has their text. Programs that post
 * do not load it: another one has what they need to know of it.
 */
function writeSchema(folder: string): void {
  const text = `export const migrations = ${JSON.stringify(migrations, null, 2)};\n`;
  writeFileSync(join(folder, "migration-list.js"), text);
  const known = [
    `export const schemaVersion = () => ${schemaVersion()};`,
    `export const oldestUsableSchema = () => ${oldestUsableSchema()};`,
    `export const schemaDigest = () => ${JSON.stringify(schemaDigest())};`,
  ];
  writeFileSync(join(folder, "this-schema.js"), `${known.join("\n")}\n`);
}

/** The package.json that is published. */
function manifest(): Record<string, unknown> {
  const { name, version, description, license, engines, dependencies } = packageJson;
  const entry = (file: string) => ({ types: `./lib/${file}.d.ts`, default: `./lib/${file}.js` });
  return {
    name,
    version,
    description,
    license,
    type: "module",
    sideEffects: false,
    exports: {
      ".": entry("index"),
      "./testing": entry("testing"),
      "./package.json": "./package.json",
    },
    files: ["lib", "THIRD_PARTY"],
    engines,
    // The types of options need it; its code and that of postgres is in the bundle.
    dependencies: { valibot: `^${dependencies.valibot}` },
    publishConfig: { access: "public", provenance: true },
  };
}

/** The first sections of the guide. */
function readMe(): string {
  const guide = readFileSync(join(root, "docs/library.md"), "utf8");
  return `${guide.slice(0, guide.indexOf("\n## Post"))}\nMore: docs/library.md of PDOFlow.\n`;
}

function pack(folder: string, destination: string): string {
  const npm = ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", destination];
  return join(destination, run([...npm, "--cache", join(destination, "cache")], folder).trim());
}

/** Runs a program, also one of node_modules/.bin, and returns its stdout. */
function run(command: string[], cwd: string): string {
  const PATH = `${join(root, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`;
  const child = Bun.spawnSync(command, { cwd, env: { ...process.env, PATH } });
  const said = child.stdout.toString();
  if (child.exitCode === 0) return said;
  throw new BuildFailed(`${command.join(" ")} failed:\n${said}${child.stderr.toString()}`);
}
