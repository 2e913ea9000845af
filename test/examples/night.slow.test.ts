// examples/night: a flow on files whose results are gathered into one, as its README runs it.
import { expect, test } from "bun:test";
import { cp } from "node:fs/promises";
import { dirname, join } from "node:path";

import { binary } from "../binary.ts";
import { openCli } from "../binary/cli.ts";
import { freshDatabase } from "../database.ts";

const example = join(import.meta.dir, "../../examples/night");

test("each frame is reduced and measured, and all stars are gathered into a catalogue", async () => {
  await using db = await freshDatabase();
  using cli = await openCli(db);
  await cp(example, join(cli.folder, "examples/night"), { recursive: true });
  const env = { ...cli.env, PATH: `${dirname(await binary())}:${cli.env["PATH"] ?? ""}` };
  const run = async (script: string) => {
    const shell = Bun.$`bash -eo pipefail -c ${script}`.cwd(cli.folder).env(env).nothrow();
    const { exitCode, stdout } = await shell.quiet();
    return { code: exitCode, out: stdout.toString() };
  };
  const readme = await Bun.file(join(example, "README.md")).text();
  const script = /^```bash\n(.*?)^```$/ms.exec(readme)?.[1] ?? "";
  expect(await run(script)).toEqual({
    code: 0,
    out: "1\nframe,x,y,flux\nm31-1,2,1,209\nm31-2,5,4,323\nm31-3,3,3,139\n",
  });
  const frame = "examples/night/frames/m31-4.csv";
  await cli.write(frame, "100,100,100\n100,160,100\n");
  const resume = "pdoflow flow resume last examples/night/night.toml";
  const resumed = await run(resume);
  expect(resumed.out).toContain("reduce   runs: it had 3 jobs, has 4 jobs");
  expect((await run(script.replace(/.*flow post.*\n/, ""))).out).toEndWith("m31-4,1,1,60\n");
  expect((await run(resume)).out).not.toContain("runs:");
}, 120_000);
