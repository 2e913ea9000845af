// The promises of docs/security.md, docs/signing.md and docs/supply-chain.md, each with the test
// files that attempt to break it.
import { expect, test } from "bun:test";
import { basename } from "node:path";

const promises: Readonly<Record<string, readonly string[]>> = {
  "each role can do only what its grants allow": ["db/roles/matrix", "cli/shell/log-in"],
  "a grant applies to all members of a role": ["db/roles/names"],
  "the owner's role need not be able to log in, and can be changed": [
    "cli/commands/grant",
    "db/roles/names",
  ],
  "a pool runs only the jobs of the posters it was granted": ["db/roles/attacks"],
  "posters take turns": ["db/engine/turns"],
  "output and results are limited per role": [
    "pool/worker/output",
    "pool/worker/result",
    "pool/worker/kept-limits",
    "db/roles/attacks",
  ],
  "a posting belongs to the role that logged in or was set": ["db/roles/attacks", "db/roles/names"],
  "only the owner writes tables": ["db/roles/attacks"],
  "no poster reads another's jobs or posts as another": ["db/roles/attacks"],
  "a pool records only for its own leases": ["db/roles/attacks"],
  "a pool of one poster locks only rows that it may run": ["db/roles/locks"],
  "functions are safe from objects and values of the caller": ["db/roles/injection"],
  "control characters are made visible or removed": ["cli/output/hostile-text", "tui/text"],
  "many different osUsers, needs and projects do not slow pools down": ["db/plans/many-routes"],
  "the web server answers only its own viewers": ["cli/web/gate", "cli/web/web"],
  "text on pages is escaped": ["report/html"],
  "long texts are refused or cut": ["db/posting/text-limits", "cli/output/table"],
  "pools that do not exist are limited, found and ended": ["db/roles/fake-pools"],
  "open transactions of posters do not stop other posters": ["db/posting/open-transactions"],
  "pools run only signed postings with --trust": [
    "pool/trust/signing",
    "pool/trust/signing-changes",
  ],
  "the embedded server admits only its own user": ["server/access"],
  "builds are reproducible and list their contents": ["build/supply-chain", "build/build"],
  "a superuser can revoke the right to advisory locks": ["cli/shell/log-in"],
  "a pool runs only files and exports of its root": ["pool/load-entry-point", "domain/entry-point"],
  "a pool runs only entry points that --allow matches": ["pool/trust/allow"],
  "malformed entry points are refused": [
    "db/posting/entry-point",
    "pool/worker/refused-entry-points",
  ],
  "a refused posting does not stop other postings": ["pool/trust/refusals"],
  "processes of jobs end with their worker": ["binary/worker/left-processes"],
  "a worker sees only the variables that the page lists": [
    "binary/worker/environment",
    "pool/worker/environment",
  ],
  "no password appears in output, tables, arguments or the kernel's view": ["binary/trust/secrets"],
  "a hostile worker cannot end the jobs of others": [
    "pool/worker/hostile-worker",
    "pool/hostile-messages",
  ],
  "rows that were deleted by hand stop their posting only": ["pool/session/rows-changed"],
  "text from outside is parsed or refused": ["fuzz/parsers"],
  "workers become another user before they load code": ["binary/worker/confinement"],
  "each attempt has its own temporary folder": ["binary/worker/temp-folder"],
  "secrets of receivers stay in their folder, and only public addresses are contacted": [
    "cli/commands/notify",
    "pool/notify/webhook",
    "pool/notify/addresses",
  ],
};

const files = [...new Bun.Glob("**/*.test.ts").scanSync(new URL("..", import.meta.url).pathname)]
  .filter((file) => !file.includes("node_modules"))
  .map((file) => file.replace(/(\.slow)?\.test\.ts$/, ""));

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
