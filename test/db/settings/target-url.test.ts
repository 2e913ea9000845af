import { expect, test } from "bun:test";

import { configuredSettings, configuredTarget } from "../../../src/db/settings/target.ts";
import { embeddedTarget } from "../../../src/db/settings/target.ts";
import { urlOf } from "../../../src/db/settings/target-url.ts";

test.each([
  ["postgres://me:secret@db.example/science", "postgres://me@db.example:5432/science"],
  ["postgres://a%40b:secret@[::1]:6000/x%2Fy", "postgres://a%40b@[::1]:6000/x%2Fy"],
  ["postgres://me@db/science?sslmode=require", "postgres://me@db:5432/science?sslmode=require"],
  [
    "postgres://me@one:1,two:2/science?sslmode=disable",
    "postgres://me@one:1,two:2/science?sslmode=disable&target_session_attrs=read-write",
  ],
  [
    "postgres://me@/science?host=/run/pg&port=6000",
    "postgres://me@/science?host=%2Frun%2Fpg&port=6000",
  ],
])("%s, without the password", (given, url) => {
  const env = { HOME: "/nowhere" };
  const target = configuredTarget(given, env);
  if (!target) throw new Error("expected a target");
  const shown = urlOf(target, configuredSettings(given, env)?.settings);
  expect(shown).toBe(url);
  expect(configuredTarget(shown, env)).toMatchObject({
    host: target.host,
    port: target.port,
    user: target.user,
    database: target.database,
    tls: target.tls,
  });
});

test("the embedded server is named by the folder of its socket", () => {
  const address = { host: "/a b", port: 5432, username: "pdoflow", database: "pdoflow" };
  expect(urlOf(embeddedTarget(address, "pdoflow"))).toBe(
    "postgres://pdoflow@/pdoflow?host=%2Fa%20b&port=5432",
  );
});
