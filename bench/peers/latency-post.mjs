// Posts one job after the other with pauses in between, and prints the moment before each post, in
// ms by the machine's clock. The jobs write theirs to a file.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const { kind, url, count, file, library, seed } = JSON.parse(process.argv[2]);
const warmups = 5;

const posters = {
  async pdoflow() {
    const { close, postWork } = await import(library);
    return {
      post: (args) => postWork("jobs.ts#started", [args], [], { db: url }),
      end: close,
    };
  },
  async graphile() {
    const { Logger, makeWorkerUtils } = await import("graphile-worker");
    const logger = new Logger(() => () => {});
    const utils = await makeWorkerUtils({ connectionString: url, logger });
    return { post: (args) => utils.addJob("started", args), end: () => utils.release() };
  },
  async pgboss() {
    const { openBoss } = await import("./pgboss-queue.mjs");
    const boss = await openBoss(url, 2);
    return {
      post: (args) => boss.send("started", { args }),
      end: () => boss.stop({ graceful: false }),
    };
  },
};

const lines = () => readFileSync(file, "utf8").split("\n").length - 1;
async function written(wanted) {
  const deadline = performance.now() + 60_000;
  while (lines() < wanted) {
    if (performance.now() > deadline)
      throw new Error(`expected ${wanted} starts, found ${lines()}`);
    await sleep(20);
  }
}

let state = seed;
function pauseMs() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return 20 + (state / 2 ** 32) * 20;
}

const { post, end } = await posters[kind]();
// The worker has imported the code and all connections are open before it counts.
for (let warmup = 1; warmup <= warmups; warmup++) {
  await post([-warmup, file, "warm-up"]);
  await written(warmup);
}
const posted = [];
for (let number = 0; number < count; number++) {
  await sleep(pauseMs());
  posted.push(performance.timeOrigin + performance.now());
  await post([number, file, `file-${number}.txt`]);
}
await written(warmups + count);
console.log(JSON.stringify(posted));
await end();
