// The promises of docs/security.md, docs/signing.md and docs/supply-chain.md, each with the test
// files that attempt to break it.
import { expect, test } from "bun:test";
import { basename } from "node:path";

const promises: Readonly<Record<string, readonly string[]>> = {
  "each role can do only what its grants allow": ["db/role-matrix", "binary/log-in"],
  "a grant applies to all members of a role": ["db/role-names"],
  "the owner's role need not be able to log in, and can be changed": [
    "binary/roles",
    "db/role-names",
  ],
  "a pool runs only the jobs of the posters it was granted": ["db/role-attacks"],
  "posters take turns": ["db/turns"],
  "output and results are limited per role": [
    "binary/output",
    "binary/result",
    "binary/kept-limits",
    "db/role-attacks",
  ],
  "a posting belongs to the role that logged in or was set": ["db/role-attacks", "db/role-names"],
  "only the owner writes tables": ["db/role-attacks"],
  "no poster reads another's jobs or posts as another": ["db/role-attacks"],
  "a pool records only for its own leases": ["db/role-attacks"],
  "a pool of one poster locks only rows that it may run": ["db/role-locks"],
  "functions are safe from objects and values of the caller": ["db/role-injection"],
  "control characters are made visible or removed": ["binary/hostile-text", "tui/text"],
  "many different osUsers, needs and projects do not slow pools down": ["db/many-routes"],
  "long texts are refused or cut": ["db/text-limits", "cli/table"],
  "pools that do not exist are limited, found and ended": ["db/fake-pools"],
  "open transactions of posters do not stop other posters": ["db/open-transactions"],
  "pools run only signed postings with --trust": ["binary/signing", "binary/signing-changes"],
  "the embedded server admits only its own user": ["server/access"],
  "builds are reproducible and list their contents": ["supply-chain", "build"],
  "a superuser can revoke the right to advisory locks": ["binary/log-in"],
  "a pool runs only files and exports of its root": ["pool/load-entry-point", "domain/entry-point"],
  "a pool runs only entry points that --allow matches": ["binary/allow"],
  "malformed entry points are refused": ["db/entry-point", "binary/refused-entry-points"],
  "a refused posting does not stop other postings": ["binary/refusals"],
  "processes of jobs end with their worker": ["binary/left-processes"],
  "a worker sees only the variables that the page lists": ["binary/environment"],
  "no password appears in output, tables, arguments or the kernel's view": ["binary/secrets"],
  "a hostile worker cannot end the jobs of others": [
    "binary/hostile-worker",
    "pool/hostile-messages",
  ],
  "rows that were deleted by hand stop their posting only": ["binary/rows-changed"],
  "text from outside is parsed or refused": ["fuzz/parsers"],
  "workers become another user before they load code": ["binary/confinement"],
  "each attempt has its own temporary folder": ["binary/temp-folder"],
};

const files = [...new Bun.Glob("**/*.test.ts").scanSync(new URL("..", import.meta.url).pathname)]
  .filter((file) => !file.includes("node_modules"))
  .map((file) => file.replace(/\.test\.ts$/, ""));

test("each security promise has tests, and they exist", () => {
  // A file may have moved to another folder: then its name is enough, if only one file has it.
  const isThere = (name: string) =>
    files.includes(name) || files.filter((file) => basename(file) === basename(name)).length === 1;
  const missing = Object.entries(promises).flatMap(([promise, names]) =>
    names.filter((name) => !isThere(name)).map((name) => `${promise}: test/${name}.test.ts`),
  );
  expect(missing).toEqual([]);
  expect(Object.values(promises).every((names) => names.length > 0)).toBe(true);
});
