import { resolve } from "node:path";

import { Command, Option } from "clipanion";
import type * as v from "valibot";

import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import type { Report } from "../../domain/notification.ts";
import { RetryAfter } from "../../job/thrown.ts";
import { NotificationFailed } from "../../pool/notify/notification-failed.ts";
import { readReceiver } from "../../pool/notify/receivers.ts";
import { notify } from "../../pool/notify/send.ts";
import { workerEnvironment } from "../../pool/wire/environment.ts";
import { FatalError } from "../../job/thrown.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { PdoflowCommand } from "../shell/command.ts";

type NotifyTest = Omit<v.InferInput<typeof outputSchemas.notifyTest>, "version" | "receiver">;

/** A posting as receivers see it, for tests of a receiver. */
const example = (now: Date): Report => ({
  ...{ kind: "posting", id: 0, name: "test", flow: null, stage: null, schedule: null },
  ...{ scheduledAt: null, entryPoint: "test.ts#test", command: null, state: "failed" },
  reason: "this is a test of the receiver: pdoflow notify test",
  jobs: { total: 3, done: 2, failed: 1, cancelled: 0 },
  failures: [{ fingerprint: "00000000", count: 1, name: "Error", message: "an example" }],
  ...{ postedAt: now.toISOString(), endedAt: now.toISOString(), durationMs: 0, ending: 1 },
});

export class NotifyTestCommand extends PdoflowCommand {
  static override paths = [["notify", "test"]];
  static override usage = Command.Usage({
    description: "send a test notification to a receiver",
    details: `
      Sends an example to the receiver of a file such as notify.d/slack.toml, in the same way as a
      pool with --notify-from, and prints whether the receiver accepted it, the error page of a URL,
      and to stderr the output of a command, which pools do not keep. With --json, it hides that
      output. It needs no database. The exit code is 1 if the receiver did not accept the
      notification. See docs/notifications.md.
    `,
    examples: [["Test a receiver", "$0 notify test slack --notify-from notify.d"]],
  });
  receiver = Option.String({ name: "receiver" });
  notifyFrom = Option.String("--notify-from", "notify.d", {
    description: "the folder of the receivers (default: notify.d)",
  });

  async run(): Promise<ExitCode> {
    const { cwd, env } = this.context;
    const receiver = readReceiver(resolve(cwd, this.notifyFrom), this.receiver);
    const now = new Date();
    const id = `test-${now.getTime()}`;
    const delivery = { id, attempt: 1, report: example(now) };
    try {
      const shown = { showsAnswer: true, showsOutput: !this.json };
      const answer = await notify(receiver, delivery, {
        env: workerEnvironment(env, []),
        ...shown,
      });
      const how = answer === undefined ? "" : ` (${answer.status})`;
      const status = answer?.status ?? null;
      if (this.json) this.#printTest({ id, isAccepted: true, status, reason: null });
      else this.print(`receiver ${receiver.name} accepted the notification ${id}${how}`);
      return exitCodes.ok;
    } catch (error) {
      const isKnown = [FatalError, RetryAfter, NotificationFailed].some(
        (each) => error instanceof each,
      );
      if (!isKnown || !(error instanceof Error)) throw error;
      const { message } = error;
      if (this.json) this.#printTest({ id, isAccepted: false, status: null, reason: message });
      else this.say(`pdoflow notify test: ${message}`);
      return exitCodes.jobsFailed;
    }
  }

  #printTest(test: NotifyTest): void {
    this.printJson(outputSchemas.notifyTest, { receiver: this.receiver, ...test });
  }
}
