import { expect, test } from "bun:test";

import { freshDatabase } from "../../database.ts";
import { documentsOf } from "./json.ts";
import { openQueueCommands } from "../../binary/queue-cli.ts";

test("results are in the order of posting, as NDJSON, including unfinished jobs", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.post([4, 3, 8]);
  await cli.drain();
  await cli.post([1], "fn.ts#quick");
  const { out, code } = await cli.run("results", "1", "2");
  expect(code).toBe(0);
  const lines = documentsOf("results", out);
  expect(lines).toMatchObject([
    { posting: 1, index: 0, status: "done", result: { i: 4, half: 2 }, error: null },
    { posting: 1, index: 1, status: "failed", result: null, error: { message: "3 is too far" } },
    { posting: 1, index: 2, status: "done" },
    { posting: 2, index: 0, status: "waiting", result: null, error: null },
  ]);
  expect(documentsOf("results", (await cli.run("results", "1/1-7")).out)).toEqual(
    lines.slice(1, 3),
  );
  expect((await cli.run("results", "1", "--state", "done", "--json")).out.split("\n")).toHaveLength(
    3,
  );
});

test("the columns of CSV and TSV are all fields that any result has, as they are returned", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.write(
    "fn.ts",
    `export function fn(i) {
       if (i === 3) throw new Error('a, "b"');
       return i === 9 ? { late: true, i } : { i, text: "x\\ty, z" };
     }
     export const quick = (i) => [i, NaN];`,
  );
  await cli.post([1, 3]);
  await cli.post([5], "fn.ts#quick");
  await cli.post([...Array.from({ length: 20 }, () => 3), 1, 9]);
  await cli.drain();
  expect((await cli.run("results", "1", "--csv")).out).toBe(
    'posting,index,status,error,i,text\r\n1,0,done,,1,"x\ty, z"\r\n' +
      '1,1,failed,"Error: a, ""b""",,\r\n',
  );
  expect((await cli.run("results", "1/0", "--tsv")).out).toBe(
    "posting\tindex\tstatus\terror\ti\ttext\n1\t0\tdone\t\t1\tx\\ty, z\n",
  );
  expect((await cli.run("results", "2", "--csv")).out).toContain(
    'result\r\n2,0,done,,"[5,{""$number"":""NaN""}]"',
  );
  const late = await cli.run("results", "3", "--csv");
  expect(late).toMatchObject({ code: 0, err: "" });
  const lines = late.out.split("\r\n");
  expect(lines).toHaveLength(24);
  expect(lines[0]).toBe("posting,index,status,error,i,text,late");
  expect(lines[22]).toBe("3,21,done,,9,,true");
  expect((await cli.run("results", "1/1", "--csv", "--state", "done")).out).toBe(
    "posting,index,status,error\r\n",
  );
  expect(await cli.run("results", "1", "--csv", "--tsv")).toMatchObject({ code: 2 });
  expect(await cli.run("results", "1", "--plot", "x", "--json")).toMatchObject({
    code: 2,
    err: expect.stringContaining("expected only one of --csv, --tsv, --raw, --json and --plot"),
  });
});

test("numbers and dates are plain, --args adds arguments, --safe guards against formulas", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.write(
    "fn.ts",
    `export const fn = (i, { rate }) => ({
       zeta: NaN, y: -Infinity, at: new Date(0), big: 2n ** 70n, none: undefined, i, rate: -0,
       "=1+1": "=cmd()", minus: -1.5, list: [i],
     });`,
  );
  await Bun.write(`${cli.folder}/a.json`, '[[1, {"rate": 2, "index": "@x"}]]');
  await cli.run("post", "fn.ts#fn", "a.json");
  await cli.drain();
  const all = await cli.run("results", "1", "--csv", "--args", "--safe");
  const header =
    "posting,index,status,error,arg1,rate,args.index,zeta,y,at,big,none,i,result.rate,'=1+1,minus,list";
  expect(all.out.split("\r\n")).toEqual([
    header,
    "1,0,done,,1,2,'@x,NaN,-Infinity,1970-01-01T00:00:00.000Z,1180591620717411303424,,1,-0,'=cmd()" +
      ",-1.5,[1]",
    "",
  ]);
  expect((await cli.run("results", "1", "--csv")).out).toContain(",=cmd(),");
  const [line] = documentsOf("results", (await cli.run("results", "1", "--args")).out);
  expect(line?.args).toEqual([1, { rate: 2, index: "@x" }]);
  const fields = Object.keys(line?.result ?? {});
  expect(fields.slice(0, 3)).toEqual(["zeta", "y", "at"]);
  expect(await cli.run("results", "1", "--safe")).toMatchObject({ code: 2 });
});

test("--raw prints the results of done jobs for shells: one line each, text without quotes", async () => {
  await using db = await freshDatabase();
  using cli = await openQueueCommands(db);
  await cli.write(
    "fn.ts",
    `const all = ["a b", "two\\nlines", "\\u001b[2J", 12345678901234567890n, 0.5, NaN, null, undefined,
       [1, "x"], { i: 1 }, new Date(0), "tab\\there"];
     export function fn(i) { if (i === 99) throw new Error("no"); return all[i]; }`,
  );
  await cli.post([99, ...Array.from({ length: 12 }, (_, i) => i)]);
  await cli.drain();
  const { out } = await cli.run("results", "1", "--raw");
  expect(out.split("\n")).toEqual([
    ...["a b", '"two\\nlines"', '"\\u001b[2J"', "12345678901234567890", "0.5", "NaN"],
    ...["null", "null", '[1,"x"]', '{"i":1}', "1970-01-01T00:00:00.000Z", "tab\there", ""],
  ]);
  expect((await cli.run("results", "1", "--raw", "--args")).code).toBe(2);
  expect((await cli.run("results", "1", "--raw", "--csv")).code).toBe(2);
});
