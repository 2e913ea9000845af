import { expect, test } from "bun:test";

import { type Commands, openCommands } from "../../cli/in-process.ts";
import { freshDatabase, type TestDatabase } from "../../database.ts";

const code = `
  import { currentJob } from "pdoflow";

  export const square = (n: number) => {
    if (n === 3) throw new Error("three");
    return n * n;
  };
  export const same = (n: number) => n;
  export const large = (n: number) => (n % 5 === 2 ? "ä😀x".repeat(400_000 * n) : n);
  export const odd = (n: number) => ({ n: [NaN, -0, 10n, undefined][n], text: "a\\nb" });

  export async function list() {
    const results = [];
    for await (const each of currentJob().upstream.results()) results.push(each);
    return results;
  }
  export async function sum(factor = 1) {
    const { posting, jobCount, done, failed, cancelled, first, end } = currentJob().upstream;
    let sum = 0;
    for await (const { status, result } of currentJob().upstream.results()) {
      if (status === "done") sum += typeof result === "number" ? result : result.sum;
    }
    return { posting, jobCount, done, failed, cancelled, first, end, sum: factor * sum };
  }
  export async function sizes() {
    const found = [];
    for await (const { index, result } of currentJob().upstream.results()) {
      found.push(typeof result === "string" ? [index, result.length, result.slice(-4)] : result);
    }
    return found;
  }
  export async function twice() {
    const { upstream } = currentJob();
    const read = async () => {
      const found = [];
      for await (const { result } of upstream.results()) found.push(result);
      return found.length;
    };
    for await (const { result } of upstream.results()) if (result === 4) break;
    return await Promise.all([read(), read(), read()]);
  }
  export async function mortal(signal) {
    let [count, sum] = [0, 0];
    for await (const { result } of currentJob().upstream.results()) {
      if (++count === 3_000 && currentJob().attempt === 1) process.kill(process.pid, signal);
      sum += result;
    }
    return { attempt: currentJob().attempt, count, sum };
  }
  export async function greedy() {
    for (let first = 0; first < 400; first++) {
      for (const chunk of [0, 1]) process.send({ kind: "read", chunk, position: 0, first, part: 7 });
    }
    await Bun.sleep(500);
    return "alive";
  }
  export const alone = () => currentJob().upstream.done;
`;

const numbers = (count: number) => JSON.stringify(Array.from({ length: count }, (_, n) => [n]));

async function open(db: TestDatabase): Promise<Commands> {
  const cli = await openCommands(db);
  await cli.write("a.ts", code);
  return cli;
}

/** Posts jobs and runs them. */
async function ran(cli: Commands, entry: string, count: number, ...options: string[]) {
  const input = { input: numbers(count) };
  await cli.runWith(input, "post", entry, "-", "--max-attempts", "1", ...options);
  await drain(cli);
}

const drain = (cli: Commands) => cli.run("pool", "--once", "--max-workers", "2");

const resultsOf = async (cli: Commands, id: number): Promise<unknown[]> =>
  (await cli.run("results", String(id))).out
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line).result);

test("a job reads all results of a posting, in their order, and knows what is missing", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await ran(cli, "a.ts#square", 5);
  const posted = await cli.run("post", "a.ts#list", "--gather", "1", "--tolerate", "20%");
  expect(posted).toMatchObject({ code: 0, out: "2\n" });
  await drain(cli);
  const [results] = await resultsOf(cli, 2);
  const done = (index: number) => ({ index, status: "done", result: index ** 2, error: null });
  const failed = { index: 3, status: "failed", error: { message: "three" } };
  expect(results).toMatchObject([done(0), done(1), done(2), failed, done(4)]);
});

test("a job knows the counts of its upstream and the range that it reads", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await ran(cli, "a.ts#square", 10);
  const flags = ["--gather", "1", "--tolerate", "1", "--reduce", "4", "--with", "[1]"];
  const { out, err } = await cli.run("post", "a.ts#sum", ...flags);
  expect({ out, err }).toEqual({
    out: "3\n",
    err: "level 1: posting 2, 3 jobs\nposting 3 waits for 2 (a.ts#sum: 0 % done)\n",
  });
  await drain(cli);
  const counts = { posting: 1, jobCount: 10, done: 9, failed: 1, cancelled: 0 };
  expect(await resultsOf(cli, 2)).toEqual([
    { ...counts, first: 0, end: 4, sum: 5 },
    { ...counts, first: 4, end: 8, sum: 16 + 25 + 36 + 49 },
    { ...counts, first: 8, end: 10, sum: 64 + 81 },
  ]);
  expect(await resultsOf(cli, 3)).toEqual([
    { posting: 2, jobCount: 3, done: 3, failed: 0, cancelled: 0, first: 0, end: 3, sum: 276 },
  ]);
});

test("values survive, and large results arrive whole beside small ones", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await ran(cli, "a.ts#odd", 4);
  await ran(cli, "a.ts#large", 9);
  await cli.run("post", "a.ts#list", "--gather", "1");
  await cli.run("post", "a.ts#sizes", "--gather", "2");
  await drain(cli);
  const direct = (await cli.run("results", "1")).out.trim().split("\n");
  const [gathered] = await resultsOf(cli, 3);
  const seen = Array.isArray(gathered) ? gathered.map((each) => ({ posting: 1, ...each })) : [];
  expect(seen).toEqual(direct.map((line) => ({ ...JSON.parse(line), error: null })));
  const large = (n: number) => [n, 4 * 400_000 * n, "ä😀x"];
  expect(await resultsOf(cli, 4)).toEqual([[0, 1, large(2), 3, 4, 5, 6, large(7), 8]]);
});

test("results of several priorities come in the order of posting", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  const rows = Array.from({ length: 3_000 }, (_, n) => ({ n, p: n % 3 }));
  await cli.write("b.ts", "export const number = ({ n }) => n;\n");
  const input = { input: JSON.stringify(rows) };
  await cli.runWith(input, "post", "b.ts#number", "-", "--priority-column", "p");
  await drain(cli);
  await cli.run("post", "a.ts#list", "--gather", "1");
  await drain(cli);
  const [results] = await resultsOf(cli, 2);
  expect(results).toEqual(
    rows.map(({ n }) => ({ index: n, status: "done", result: n, error: null })),
  );
});

test("several loops can read at once, and end early; a pool runs both postings", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await cli.runWith({ input: numbers(5_000) }, "post", "a.ts#same", "-");
  await cli.run("post", "a.ts#twice", "--gather", "1");
  await drain(cli);
  expect(await resultsOf(cli, 2)).toEqual([[5_000, 5_000, 5_000]]);
});

test("a worker that is killed while it reads: the next attempt reads from the start", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await ran(cli, "a.ts#same", 5_000);
  const flags = ["--gather", "1", "--with", '["SIGKILL"]', "--backoff", "0s"];
  await cli.run("post", "a.ts#mortal", ...flags);
  const pool = await drain(cli);
  expect(pool.err).toContain("1 done, 0 failed, 1 failed attempts");
  expect(await resultsOf(cli, 2)).toEqual([{ attempt: 2, count: 5_000, sum: 12_497_500 }]);
});

test("a job that asks for more than it may read harms nobody", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await ran(cli, "a.ts#same", 100);
  const flags = ["--gather", "1", "--reduce", "50", "--max-attempts", "1"];
  await cli.run("post", "a.ts#greedy", ...flags);
  await cli.run("post", "a.ts#greedy", "--no-args", "--max-attempts", "1");
  await cli.run("post", "a.ts#sum", "--gather", "1");
  await drain(cli);
  for (const id of [3, 4]) expect(await resultsOf(cli, id)).toEqual(["alive"]);
  expect(await resultsOf(cli, 5)).toMatchObject([{ done: 100, sum: 4_950 }]);
});

test("a job that gathers nothing, and asks for its upstream, fails with the reason", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await cli.run("post", "a.ts#alone", "--no-args", "--max-attempts", "1");
  await drain(cli);
  const { out } = await cli.run("failures", "1");
  expect(out).toContain("expected a job that reads results of another posting, found job 1/0");
});

test("execute-job reads the results too", async () => {
  await using db = await freshDatabase();
  using cli = await open(db);
  await ran(cli, "a.ts#large", 3);
  await cli.run("post", "a.ts#sizes", "--gather", "1");
  const { out } = await cli.run("execute-job", "2/0", "--json");
  expect(JSON.parse(out).result).toEqual([0, 1, [2, 3_200_000, "ä😀x"]]);
});
