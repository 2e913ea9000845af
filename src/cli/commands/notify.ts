import { resolve } from "node:path";

import { Command, Option } from "clipanion";

import { type ExitCode, exitCodes } from "../../domain/errors.ts";
import type { Report } from "../../domain/notification.ts";
import { RetryAfter } from "../../job/thrown.ts";
import { NotificationFailed } from "../../pool/notify/notification-failed.ts";
import { readReceiver } from "../../pool/notify/receivers.ts";
import { notify } from "../../pool/notify/send.ts";
import { workerEnvironment } from "../../pool/wire/environment.ts";
import { FatalError } from "../../job/thrown.ts";
import { PdoflowCommand } from "../shell/command.ts";

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
      pool with --notify-from, and prints the answer. It needs no database. The exit code is 1 if
      the receiver did not accept it. See docs/notifications.md.
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
      const answer = await notify(receiver, delivery, workerEnvironment(env, []));
      const how = answer === undefined ? "" : ` (${answer.status})`;
      this.print(`receiver ${receiver.name} accepted the notification ${id}${how}`);
      return exitCodes.ok;
    } catch (error) {
      const isKnown = [FatalError, RetryAfter, NotificationFailed].some(
        (each) => error instanceof each,
      );
      if (!isKnown || !(error instanceof Error)) throw error;
      this.say(`pdoflow notify test: ${error.message}`);
      return exitCodes.jobsFailed;
    }
  }
}
