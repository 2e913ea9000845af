import { expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { rmdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import { PdoflowError } from "../../src/domain/errors.ts";
import { ensureServer } from "../../src/server/server.ts";
import { ask, asRoot, ensureElsewhere, isRoot, placeAt, temporaryPlace } from "./place.ts";

/** The name and message of the error that `ensureServer` must end with. */
async function refusal(place: Parameters<typeof ensureServer>[0]): Promise<string> {
  const error = await ensureServer(place).catch((reason: unknown) => reason);
  if (!(error instanceof PdoflowError))
    throw new Error(`expected a refusal, found ${String(error)}`);
  return String(error);
}

test("a long path has its socket in /tmp, in a folder of its own", async () => {
  await using long = temporaryPlace("a".repeat(100));
  const other = placeAt(`${long.folder}b`);
  expect(long.socketFolder).toStartWith("/tmp/pdoflow-");
  expect(other.socketFolder).not.toBe(long.socketFolder);
  await ensureServer(long);
  expect(statSync(long.socketFolder).mode & 0o777).toBe(0o700);
  expect(await ask(long, "select 1 as one")).toEqual({ one: 1 });
});

test("a folder in /tmp that a stranger made first is refused", async () => {
  await using long = temporaryPlace("b".repeat(100));
  const trap = mkdtempSync("/tmp/pdoflow-trap-");
  const strangers = [
    () => mkdirSync(long.socketFolder, { mode: 0o777 }),
    () => symlinkSync(trap, long.socketFolder),
    ...(isRoot ? [() => made(long.socketFolder, 12_345)] : []),
  ];
  for (const strange of strangers) {
    strange();
    expect(await refusal(long)).toContain(`SocketFolderTaken: The socket`);
    rmSync(long.socketFolder, { recursive: true, force: true });
  }
  expect(readdirSync(trap)).toEqual([]);
  rmdirSync(trap);
});

test("a data folder that everybody may write in is refused", async () => {
  await using open = temporaryPlace();
  mkdirSync(open.folder);
  chmodSync(open.folder, 0o777);
  expect(await refusal(open)).toContain("mode 0777. Set PDOFLOW_DATA to a folder of your own");
});

test.skipIf(!isRoot)(`root does not run programs from another user's folder${asRoot}`, async () => {
  await using theirs = temporaryPlace();
  made(theirs.folder, 12_345);
  expect(await refusal(theirs)).toContain("FolderNotOurs");
  expect(readdirSync(theirs.folder)).toEqual([]);
});

test.skipIf(!isRoot)(`a folder that root's server cannot reach is named${asRoot}`, async () => {
  await using hidden = temporaryPlace("closed/data");
  const closed = join(hidden.folder, "..");
  mkdirSync(closed, { mode: 0o700 });
  const said = await refusal(hidden);
  expect(said).toContain(`${closed} does not let it in (mode 0700)`);
  expect(said).toContain(`chmod a+x ${closed}`);
});

test("root's umask does not close the server's files to its account", async () => {
  await using place = temporaryPlace("deep/er/data");
  const umask = process.umask(0o077);
  try {
    await ensureServer(place);
  } finally {
    process.umask(umask);
  }
  expect(await ask(place, "select 1 as one")).toEqual({ one: 1 });
});

test("a path that is not a folder is refused with the system's message", async () => {
  await using file = temporaryPlace("file/data");
  await Bun.write(join(file.folder, ".."), "");
  expect(await refusal(file)).toContain("FolderUnusable");
});

test.skipIf(!isRoot)(`a folder without permission is named to its user${asRoot}`, async () => {
  await using closed = temporaryPlace();
  made(closed.folder, 1, 0o500);
  const starter = ensureElsewhere(closed, { uid: 1, gid: 1 });
  const error = JSON.parse(await starter.stdout.text());
  expect(error.name).toBe("FolderUnusable");
  expect(error.message).toContain("EACCES");
});

const canMount = isRoot && mount("/mnt", "size=1m");
if (canMount) unmount("/mnt");
const withMount = canMount ? "" : " (skipped: needs root and mount)";

test.skipIf(!canMount)(
  `a full disk is named, and nothing half-made stays${withMount}`,
  async () => {
    await using full = temporaryPlace();
    mkdirSync(full.folder);
    for (const [size, name] of [
      ["20m", "FolderUnusable"],
      ["70m", "ProgramFailed"],
    ] as const) {
      mount(full.folder, `size=${size}`);
      try {
        const said = await refusal(full);
        expect(said).toContain(name);
        expect(said).toMatch(/no space left on device/i);
        expect(existsSync(full.data)).toBe(false);
      } finally {
        unmount(full.folder);
      }
    }
  },
);

test.skipIf(!canMount)(`a read-only disk is named${withMount}`, async () => {
  await using readOnly = temporaryPlace();
  mkdirSync(readOnly.folder);
  mount(readOnly.folder, "ro");
  try {
    expect(await refusal(readOnly)).toMatch(/FolderUnusable.*read-only file system/i);
  } finally {
    unmount(readOnly.folder);
  }
});

function made(folder: string, owner: number, mode = 0o700): void {
  mkdirSync(folder, { mode });
  chownSync(folder, owner, owner);
}

function mount(folder: string, options: string): boolean {
  const command = ["mount", "-t", "tmpfs", "-o", `${options},mode=0755`, "tmpfs", folder];
  return Bun.spawnSync(command, { stderr: "ignore" }).exitCode === 0;
}

function unmount(folder: string): void {
  Bun.spawnSync(["umount", folder]);
}
