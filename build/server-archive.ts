import { existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { basename, join } from "node:path";

import packageJson from "../package.json" with { type: "json" };
import { type ProgramFile, programFiles } from "../src/server/program-files.ts";
import { BuildFailed } from "./build-failed.ts";
import { cache, packageFolder } from "./package-folder.ts";

/** Packs the files of package `name` that a server needs, once; returns the path of the archive. */
export async function serverArchive(
  name: keyof typeof packageJson.optionalDependencies,
): Promise<string> {
  const version = packageJson.optionalDependencies[name];
  const archive = join(cache, `postgres-${basename(name)}-${version}.tar.zst`);
  const list = join(import.meta.dir, "../src/server/program-files.ts");
  if (existsSync(archive) && statSync(archive).mtimeMs > statSync(list).mtimeMs) return archive;
  const files = programFiles(join(await packageFolder(name, version), "native"));
  // Level 19 would take 20 s, to save 2 MB of 125.
  const bytes = await Bun.zstdCompress(tar(files), { level: 9 });
  const draft = `${archive}.${process.pid}.draft`;
  await Bun.write(draft, bytes);
  renameSync(draft, archive);
  return archive;
}

/** A tar (ustar) of `files` that depends on their names and contents alone. */
export function tar(files: readonly ProgramFile[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = files.flatMap(({ name, content }) => {
    if (content.kind === "link") return [tarHeader(name, { mode: 0o777, linkTo: content.to })];
    const bytes = readFileSync(content.source);
    const mode = content.executable ? 0o755 : 0o644;
    const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
    return [tarHeader(name, { mode, size: bytes.length }), bytes, padding];
  });
  return Bun.concatArrayBuffers([...parts, Buffer.alloc(1024)], Infinity, true);
}

function tarHeader(
  name: string,
  { mode, size = 0, linkTo = "" }: { mode: number; size?: number; linkTo?: string },
): Buffer {
  if (Buffer.byteLength(name) > 100) throw new BuildFailed(`${name}: ustar holds 100 bytes`);
  const header = Buffer.alloc(512);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  const fields: [at: number, text: string][] = [
    [0, name],
    [100, octal(mode, 7)],
    [108, octal(0, 7)], // user, group, size and time of change
    [116, octal(0, 7)],
    [124, octal(size, 11)],
    [136, octal(0, 11)],
    [148, " ".repeat(8)], // the checksum is taken over these spaces
    [156, linkTo === "" ? "0" : "2"],
    [157, linkTo],
    [257, "ustar\u000000"],
  ];
  for (const [at, text] of fields) header.write(text, at);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${octal(checksum, 6)}\0 `, 148);
  return header;
}
