import { expect, test } from "bun:test";

import { until } from "../../binary/cli.ts";
import { documentOf } from "../../cli/commands/json.ts";
import { openCommands, type Started } from "../../cli/in-process.ts";
import { freshDatabase } from "../../database.ts";

const given4 = ["-j", "1", "--resource", "cpus=4"];

async function textOf({ stderr }: Started): Promise<string> {
  let text = "";
  for await (const part of stderr) text += Buffer.from(part).toString();
  return text;
}

test("pools, status and top show what is free of each resource", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write(
    "wait.ts",
    "export const wait = () => new Promise(() => setInterval(() => {}, 1e6));",
  );
  const needs = ["--needs", "cpus=3,gpu=0.5,mem=1G"];
  await cli.runWith({ input: "[[]]" }, "post", "wait.ts#wait", "-", ...needs);
  const given = ["--resource", "gpu=0,1", "--resource", "mem=2560M", "--resource", "model=a100"];
  const pool = cli.start("pool", ...given4, ...given);
  const resources = await until("a report", async () => {
    const [found] = documentOf("pools", (await cli.run("pools", "--json")).out).pools;
    return found?.resources.find(({ name }) => name === "cpus")?.free === 1 && found.resources;
  });
  expect(resources).toEqual([
    { name: "cpus", total: 4, free: 1 },
    { name: "mem", total: 2.5 * 2 ** 30, free: 1.5 * 2 ** 30 },
    { name: "gpu", total: 2, free: 1.5 },
  ]);
  const text = "cpus 1/4, mem 1.5G/2.5G, gpu 1.5/2";
  expect((await cli.run("pools")).out).toContain(text);
  const { pools } = documentOf("top", (await cli.run("top", "--once", "--json")).out);
  expect(pools[0]?.resources).toEqual(resources);
  pool.kill("SIGTERM");
  pool.kill("SIGTERM");
  await pool.exited;
});

test("a second pool with the same gpus on one machine is warned of, and doctor finds both", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  const first = cli.start("pool", ...given4, "--resource", "gpu=0,1,2");
  await until("a pool", async () => (await cli.run("pools")).out.includes("up"));
  const second = cli.start("pool", ...given4, "--resource", "gpu=1,2,3");
  const third = cli.start("pool", ...given4, "--resource", "gpu=9");
  const doctor = await until("a finding", async () => {
    const { findings } = documentOf("doctor", (await cli.run("doctor", "--json")).out);
    return findings.find(({ about }) => about === "gpu");
  });
  expect(doctor.found).toMatch(/pools \d+ and \d+ on .* both offer gpu=1,2, so two jobs/);
  expect(doctor.remedy).toContain("--resource gpu=1 and --resource gpu=2");
  for (const each of [first, second, third]) each.kill("SIGTERM");
  const [silent, warned, other] = await Promise.all([first, second, third].map(textOf));
  expect(warned).toMatch(/warning: pool \d+ \(pid \d+\) on this machine offers gpu=1,2 too/);
  expect(silent + String(other)).not.toContain("on this machine offers");
});
