import { expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { findTarget } from "../../../src/library/connection/target.ts";

const url = (name: string) => `postgres://user@${name}:1/db`;

test("an option comes before the environment, which comes before the embedded server", () => {
  const env = { DATABASE_URL: url("second"), PDOFLOW_DATABASE_URL: url("first"), PGHOST: "third" };
  expect(findTarget(url("option"), env)).toMatchObject({ host: "option", source: "the option db" });
  expect(findTarget(undefined, env)).toMatchObject({ host: "first" });
  expect(findTarget(undefined, { PGHOST: "third" })).toMatchObject({ host: "third" });
});

test("the embedded server is used if it runs, with the schema of the environment", async () => {
  const data = await mkdtemp(join(tmpdir(), "pdoflow-data-"));
  try {
    const env = { PDOFLOW_DATA: data, PDOFLOW_SCHEMA: "mine" };
    expect(() => findTarget(undefined, env)).toThrow("run: pdoflow up");
    await mkdir(join(data, "socket"));
    await Bun.write(join(data, "socket/.s.PGSQL.5432"), "");
    expect(findTarget(undefined, env)).toMatchObject({
      host: join(data, "socket"),
      schema: "mine",
      source: "the embedded server",
    });
  } finally {
    await rm(data, { recursive: true });
  }
});

test("a URL of the wrong shape is refused without its password", () => {
  const env = { PDOFLOW_DATABASE_URL: url("first") };
  for (const wrong of ["", "mysql://user:secret@host/db", "postgres://user:secret@host:99999/db"]) {
    expect(() => findTarget(wrong, env)).toThrow(/^the option db: expected (?!.*secret)/);
  }
});
