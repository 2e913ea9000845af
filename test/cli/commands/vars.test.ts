import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { openCommands } from "../in-process.ts";
import { documentOf } from "./json.ts";

test("variables are set, read, listed and deleted", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const get = async (name: string) => (await cli.run("vars", "get", name)).out;
  const set = (...args: string[]) => cli.run("vars", "set", ...args);
  expect(await set("calibration", "1.25")).toEqual({ code: 0, out: "", err: "" });
  expect(await get("calibration")).toBe("1.25\n");
  await set("calibration", '{"gain": [1, 2]}');
  expect(await get("calibration")).toBe('{"gain": [1, 2]}\n');
  await set("calibration", "-1.5", "--quiet");
  expect(await get("calibration")).toBe("-1.5\n");
  await set("calibration", '{"gain": [1, 2]}');
  await set("note", "two words");
  await set("version", "1.10", "--text");
  expect(await get("note")).toBe("two words\n");
  expect(await get("version")).toBe("1.10\n");
  const list = documentOf("vars", (await cli.run("vars", "list", "--json")).out);
  expect(list.variables.map(({ name, value }) => [name, value])).toEqual([
    ["calibration", { gain: [1, 2] }],
    ["note", "two words"],
    ["version", "1.10"],
  ]);
  expect((await cli.run("vars", "list")).out).toMatch(/^name +value +updated\ncalibration /);
  expect(await cli.run("vars", "delete", "note")).toMatchObject({ code: 0 });
  expect(await cli.run("vars", "delete", "note")).toMatchObject({ code: 4 });
  expect(await cli.run("vars", "get", "note")).toMatchObject({
    code: 4,
    err: expect.stringContaining('there is no variable "note"'),
  });
});
