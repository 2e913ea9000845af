import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, symlink } from "node:fs/promises";
import { join } from "node:path";

import { freshDatabase } from "../database.ts";
import { proxyTo } from "../library/connection/proxy.ts";
import { emptyProject, node, packageFile, type Project } from "./project.ts";

const packages = ["@prisma", "@types", "drizzle-orm", "knex", "kysely", "pg", "typeorm"];
const adapters = [
  "pg",
  "postgres",
  "drizzle",
  "drizzle-postgres",
  "kysely",
  "knex",
  "typeorm",
  "prisma",
];

let project: Project;
beforeAll(async () => {
  project = await emptyProject();
  await project.write({ "package.json": JSON.stringify({ type: "module" }) });
  await cp(join(import.meta.dir, "../fixtures/transactions"), project.folder, { recursive: true });
  for (const name of packages) {
    await symlink(await packageFile(name), join(project.folder, "node_modules", name));
  }
  const postgres = join(import.meta.dir, "../../node_modules/postgres");
  await symlink(postgres, join(project.folder, "node_modules/postgres"));
}, 600_000); // the first of all installs the packages
afterAll(() => project[Symbol.asyncDispose]());

describe("a posting in a transaction exists after the commit, and not after a rollback", () => {
  test.each(adapters)(
    "by %s",
    async (adapter) => {
      await using own = await freshDatabase();
      await using plain = await proxyTo(own); // not every driver can name a socket in a URL
      const url = plain.url.replace("?sslmode=disable", "");
      const command = [await node("newest"), "main.ts", adapter, url];
      const said = JSON.parse(await project.run(command));
      const posted = [5, 6_006];
      const { rows, ...counts } = said;
      expect(counts).toEqual({
        undone: true,
        afterRollback: [0, 0],
        before: [0, 0],
        after: posted,
      });
      const common = { name: "in-transaction", max_failures_percent: 12.5, keeps_results: true };
      expect(rows).toEqual([
        { entry_point: "jobs.ts#one", job_count: 1, ...common },
        { entry_point: "jobs.ts#many", job_count: 6_000, ...common, keeps_results: false },
        { entry_point: "jobs.ts#ranked", job_count: 2, ...common },
        { entry_point: "jobs.ts#ranked", job_count: 2, ...common },
        { entry_point: "jobs.ts#keyed", job_count: 1, ...common },
      ]);
    },
    60_000,
  );
});

test("the types of each package fit", async () => {
  const compilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, target: "es2022" },
    ...{ module: "nodenext", allowImportingTsExtensions: true, types: ["node"] },
  };
  const files = [...adapters.filter((adapter) => adapter !== "prisma"), "main"];
  await project.write({
    "tsconfig.json": JSON.stringify({ compilerOptions, files: files.map((file) => `${file}.ts`) }),
  });
  const tsc = join(import.meta.dir, "../../node_modules/.bin/tsc");
  expect(await project.run([tsc, "--project", "."])).toBe("");
}, 60_000);
