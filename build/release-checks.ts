import { readFileSync } from "node:fs";
import { join } from "node:path";

import packageJson from "../package.json" with { type: "json" };
import { BuildFailed } from "./build-failed.ts";

const root = join(import.meta.dir, "..");

/** The commit that is released. */
export interface ReleasedCommit {
  hash: string;
  at: Date;
}

/**
 * Checks that the tree is a commit, and that this commit is the version that the changelog has.
 *
 * @throws {BuildFailed} with the remedy.
 */
export function requireReleasable(): ReleasedCommit {
  const { version } = packageJson;
  const changed = git("status", "--porcelain");
  if (changed !== "") {
    throw new BuildFailed(
      `expected a tree without changes, found:\n${changed}\nCommit or remove them, then try again.`,
    );
  }
  const heading = /^## .*$/m.exec(readFileSync(join(root, "CHANGELOG.md"), "utf8"))?.[0] ?? "";
  if (!/^## \S+ \(\d{4}-\d\d-\d\d\)$/.test(heading) || heading.split(" ")[1] !== version) {
    throw new BuildFailed(
      `expected the heading "## ${version} (DATE)" first in CHANGELOG.md, because package.json ` +
        `has the version ${version}; found "${heading}". Date it, such as (2026-01-31), ` +
        "and commit.",
    );
  }
  const hash = git("rev-parse", "HEAD");
  const tag = `v${version}`;
  if (git("tag", "--list", tag) !== "" && git("rev-list", "-n", "1", tag) !== hash) {
    throw new BuildFailed(
      `expected the tag ${tag} at this commit, found it at another one. Check out ${tag}, or ` +
        "raise the version in package.json and CHANGELOG.md.",
    );
  }
  return { hash, at: new Date(Number(git("show", "-s", "--format=%ct", "HEAD")) * 1_000) };
}

function git(...args: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(["git", "-C", root, ...args]);
  if (exitCode === 0) return stdout.toString().trimEnd();
  throw new BuildFailed(
    `expected a clone of the repository, found that git ${args[0]} failed: ` +
      `${stderr.toString().trim()}. Release from a clone.`,
  );
}
