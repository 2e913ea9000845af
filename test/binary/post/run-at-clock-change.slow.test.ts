import { expect, test } from "bun:test";

import { openCli } from "../cli.ts";

test.each([
  [
    "2027-03-28T02:30",
    "Europe/Berlin",
    "this time does not exist in Europe/Berlin",
    "03:30:00+02:00",
  ],
  [
    "2026-10-25T02:30",
    "Europe/Berlin",
    "this time occurs twice in Europe/Berlin",
    "02:30:00+02:00",
  ],
  ["2026-10-04T02:10:30", "Australia/Lord_Howe", "this time does not exist", "02:40:30+11:00"],
  ["2026-04-05T01:45", "Australia/Lord_Howe", "this time occurs twice", "01:45:00+11:00"],
])("--run-at %s in %s: %s, %s is taken", async (at, TZ, what, taken) => {
  using cli = await openCli(null);
  const post = ["post", "f.ts#f", "--no-check", "--dry-run", "--args", "1", "--run-at", at];
  const { code, err } = await cli.runWith({ env: { TZ } }, ...post);
  expect(code).toBe(0);
  expect(err).toContain(`--run-at ${at}: ${what}`);
  expect(err).toContain(`using ${at.slice(0, 11)}${taken}`);
});

test.each([
  ["2027-03-28T03:30", "Europe/Berlin"],
  ["2027-03-28T01:59", "Europe/Berlin"],
  ["2026-10-25T03:00", "Europe/Berlin"],
  ["2026-10-25T02:30+01:00", "Europe/Berlin"],
  ["2026-06-01T00:00", "UTC"],
])("--run-at %s in %s is clear, and nothing is said", async (at, TZ) => {
  using cli = await openCli(null);
  const post = ["post", "f.ts#f", "--no-check", "--dry-run", "--args", "1", "--run-at", at];
  expect((await cli.runWith({ env: { TZ } }, ...post)).err).not.toContain("--run-at");
});
