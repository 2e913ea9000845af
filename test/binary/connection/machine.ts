import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Cli, Ended } from "../cli.ts";

/** The program with a data folder of its own and no server configured. */
export function withoutServer<C extends Disposable & Pick<Cli, "runWith">>(cli: C) {
  const data = join(tmpdir(), `pdoflow-embedded-${crypto.randomUUID()}`);
  const run = (...args: string[]): Promise<Ended> =>
    cli.runWith({ env: { PDOFLOW_DATA: data } }, ...args);
  return {
    ...cli,
    data,
    run,
    async [Symbol.asyncDispose]() {
      await run("down");
      rmSync(data, { recursive: true, force: true });
      cli[Symbol.dispose]();
    },
  };
}
