import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";

import { binary } from "../binary.ts";
import { freshDatabase, type TestDatabase } from "../database.ts";
import { emptyProject, node, type Project } from "./project.ts";

const examples = join(import.meta.dir, "../../examples");

let project: Project;
let database: TestDatabase;
let env: Record<string, string>;
beforeAll(async () => {
  database = await freshDatabase();
  project = await emptyProject();
  await cp(examples, project.folder, { recursive: true });
  env = { PDOFLOW_DATABASE_URL: database.url, PDOFLOW_BINARY: await binary() };
}, 600_000); // the first of all installs the packages
afterAll(async () => {
  await project[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

test("the script for Node counts the words of files, and says which it could not read", async () => {
  await project.write({ "a.txt": "one two three\n", "b.txt": "four\n" });
  const script = [await node("20"), "node-script.mjs"];
  const said = await project.run([...script, "a.txt", "b.txt"], env);
  expect(said.trim().split("\n").toSorted()).toEqual(["1 b.txt", "3 a.txt"]);
  const failure = project.run([...script, "gone.txt"], env);
  expect(String(await failure.catch((error: unknown) => error))).toContain("no such file");
}, 120_000);

test("the route handler posts once for a key, and reports progress and faults", async () => {
  await project.write({
    "next/serve.ts": `
      import { ClusterPool, findPosting } from "pdoflow";
      import { GET, POST } from "./app/thumbnails/route.ts";
      const url = "http://localhost/thumbnails";
      const post = (body: unknown) =>
        POST(new Request(url, { method: "POST", body: JSON.stringify(body) }));
      const body = { files: ["a.png", "b.png"], key: "upload-7" };
      const answers = [await post(body), await post(body), await post({ files: [] })];
      const bodies = await Promise.all(answers.map((answer) => answer.json()));
      console.log(JSON.stringify(answers.map(({ status }, i) => [status, bodies[i]])));
      const posting = await findPosting(bodies[0].posting);
      const pool = new ClusterPool({ maxWorkers: 1 });
      await pool.awaitCompletion(posting);
      await pool.stop();
      for await (const { result } of posting.results()) console.log(JSON.stringify(result));
      for (const id of [posting.id, 999, "x"]) {
        const answer = await GET(new Request(url + "?posting=" + id));
        console.log(answer.status, JSON.stringify(await answer.json()));
      }`,
  });
  await symlink(join(project.folder, "node_modules"), join(project.folder, "next/node_modules"));
  const path = `${dirname(process.execPath)}:${process.env["PATH"]}`;
  const command = ["sh", "-c", `cd next && exec '${await node("newest")}' serve.ts`];
  const lines = (await project.run(command, { ...env, PATH: path })).trim().split("\n");
  const [posted, again, none] = JSON.parse(lines[0] ?? "");
  expect(posted).toMatchObject([202, { jobs: 2 }]);
  expect(again).toEqual(posted);
  expect(none).toEqual([400, { error: "no files" }]);
  expect(lines.slice(1, 3)).toEqual([
    '{"file":"a.png","size":"320x240"}',
    '{"file":"b.png","size":"320x240"}',
  ]);
  expect(lines[3]).toContain('200 {"state":"finished"');
  expect(lines[4]).toStartWith("404 ");
  expect(lines[5]).toStartWith("400 ");
}, 120_000);
