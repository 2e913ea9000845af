// Processes that build at the same time, as tests do.
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import packageJson from "../../package.json" with { type: "json" };
import { compile } from "../../build/binary.ts";
import { machine } from "../../build/targets.ts";

const folder = mkdtempSync("/tmp/pdoflow-builds-");
afterAll(() => rmSync(folder, { recursive: true }));

test("two builds at once make one whole binary, with version, commit and server inside", async () => {
  const entry = join(folder, "entry.ts");
  const source = (name: string) => JSON.stringify(join(import.meta.dir, "../../src", name));
  await Bun.write(
    entry,
    `import { build } from ${source("version.ts")};
     import { packed } from ${source("server/packed.ts")};
     console.log(build, packed && Bun.file(packed).size > 1e7);`,
  );
  const outfile = join(folder, "dist/pdoflow");
  await Promise.all([compile(machine(), outfile, entry), compile(machine(), outfile, entry)]);

  expect(readdirSync(join(folder, "dist"))).toEqual(["pdoflow"]);
  const printed = Bun.spawnSync([outfile]).stdout.toString();
  expect(printed).toMatch(/^[\d.]+ \(([0-9a-f]{7,}\+?|unknown)\) true\n$/);
  expect(printed).toStartWith(`${packageJson.version} `);
}, 120_000);
