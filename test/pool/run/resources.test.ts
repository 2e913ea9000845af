import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { freshDatabase } from "../../database.ts";
import { type Commands, openCommands } from "../../cli/in-process.ts";

/** Jobs that write down when they begin and end, and the devices that they see. */
const journaling = `
  import { appendFileSync } from "node:fs";
  const share = Number(process.env.PDOFLOW_GPU?.length ?? 0);
  const line = (what: string) => appendFileSync("journal", what + "\\n");
  export async function train(ms = 20, amount = 1) {
    const gpus = process.env.CUDA_VISIBLE_DEVICES;
    line(["+", gpus, amount].join(" "));
    await Bun.sleep(ms);
    line(["-", gpus, amount].join(" "));
    return gpus;
  }`;

/** The most that jobs had of each device at the same time, by their journal. */
function mostAtOnce(cli: Commands): Record<string, number> {
  const now: Record<string, number> = {};
  const most: Record<string, number> = {};
  for (const line of readFileSync(join(cli.folder, "journal"), "utf8").trim().split("\n")) {
    const [sign, devices = "", amount] = line.split(" ");
    for (const device of devices.split(",")) {
      now[device] = (now[device] ?? 0) + (sign === "+" ? 1 : -1) * Number(amount);
      most[device] = Math.max(most[device] ?? 0, now[device]);
    }
  }
  return most;
}

const post = (cli: Commands, jobs: readonly unknown[], ...args: string[]) =>
  cli.runWith({ input: JSON.stringify(jobs) }, "post", "train.ts#train", "-", ...args);

test("jobs that take a gpu each run at the same time on different ones, and never on one", async () => {
  await using db = await freshDatabase();
  using cli = await openCommands(db);
  await cli.write("train.ts", journaling);
  await post(
    cli,
    Array.from({ length: 12 }, () => [20]),
    "--needs",
    "gpu=1",
  );
  const pool = await cli.run("pool", "--once", "-j", "4", "--resource", "gpu=0,1");
  expect(pool).toMatchObject({ code: 0 });
  expect(mostAtOnce(cli)).toEqual({ 0: 1, 1: 1 });
});
