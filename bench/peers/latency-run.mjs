// Waits for jobs and runs them, with LISTEN, until it is ended by a signal.
import { started } from "./tasks.mjs";

const { kind, url } = JSON.parse(process.argv[2]);
const runners = {
  async graphile() {
    const { Logger, run } = await import("graphile-worker");
    await run({
      logger: new Logger(() => () => {}),
      noHandleSignals: true,
      taskList: { started: (args) => started(...args) },
      preset: { worker: { connectionString: url, concurrentJobs: 2 } },
    });
  },
  async pgboss() {
    const { openBoss } = await import("./pgboss-queue.mjs");
    const boss = await openBoss(url, 4, { useListenNotify: true });
    await boss.createQueue("started", { notify: true });
    const options = { batchSize: 1, localConcurrency: 2, pollingIntervalSeconds: 0.5 };
    await boss.work("started", options, async ([{ data }]) => started(...data.args));
  },
};
await runners[kind]();
console.log("ready");
