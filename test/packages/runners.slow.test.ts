import { afterAll, beforeAll, expect, test } from "bun:test";
import { symlink } from "node:fs/promises";
import { join } from "node:path";

import { freshDatabase } from "../database.ts";
import { emptyProject, node, packageFile, type Project } from "./project.ts";

const signUp = `
export const sent = [];
export const ignored = job(async (address) => address);
export const welcome = job(async (address) => { sent.push(address); return currentJob()?.id; });
export const signUp = (address) => postWork(welcome, [[address]]);`;
const story = `
test("a new user gets a mail", async () => {
  const queue = await openTestQueue();
  try {
    const posting = await signUp("ada@example.org");
    expect(await queue.run(posting)).toMatchObject({ done: 1, failed: 0 });
    expect(sent).toEqual(["ada@example.org"]); // of this very instance of the file
    expect([...Registry]).toHaveLength(2);
  } finally {
    await queue.close();
  }
});`;
const jobs = `import { currentJob, job, postWork } from "pdoflow";${signUp}`;
const imports = `import { openTestQueue } from "pdoflow/testing";
import { Registry } from "pdoflow";`;

let project: Project;
beforeAll(async () => {
  project = await emptyProject();
  await project.write({
    "vitest/sign-up.ts": jobs
      .replaceAll(/(async |= )\(address\)/g, "$1(address: string)")
      .replace("= [];", "= [] as string[];"),
    "vitest/mail.test.ts": `import { expect, test } from "vitest";
      ${imports}
      import { sent, signUp } from "./sign-up.ts";${story}`,
    "jest/sign-up.mjs": jobs,
    "jest/mail.test.mjs": `${imports}\nimport { sent, signUp } from "./sign-up.mjs";${story}`,
  });
  await symlink(await packageFile("vitest"), join(project.folder, "node_modules/vitest"));
}, 600_000); // the first of all installs the packages
afterAll(() => project[Symbol.asyncDispose]());

test.each([
  ["vitest", "20"],
  ["vitest", "newest"],
  ["jest", "20"],
  ["jest", "newest"],
] as const)(
  "a test of %s runs the jobs that it posts, in Node %s",
  async (runner, version) => {
    await using database = await freshDatabase();
    const program = await packageFile(runner === "jest" ? "jest/bin/jest.js" : "vitest/vitest.mjs");
    const { folder } = project;
    const flags =
      runner === "jest"
        ? ["--rootDir", join(folder, "jest"), "--no-cache", "--testMatch", "**/*.test.mjs"]
        : ["run", "--root", join(folder, "vitest")];
    // Without this flag, Jest runs no ES modules, as which the package comes.
    const NODE_OPTIONS = runner === "jest" ? "--experimental-vm-modules" : "";
    const env = { PDOFLOW_DATABASE_URL: database.url, CI: "1", NODE_OPTIONS };
    await project.run([await node(version), program, ...flags], env);
    expect(await database.sql`select from pdoflow.posting`).toHaveLength(0);
  },
  60_000,
);
