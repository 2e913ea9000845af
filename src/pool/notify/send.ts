import { Notification, type Report } from "../../domain/notification.ts";
import { parse } from "../../domain/parse.ts";
import { currentJob } from "../../job/current-job.ts";
import { FatalError } from "../../job/thrown.ts";
import { readReceiver, type Receiver } from "./receivers.ts";
import { runCommand, sendMail } from "./program.ts";
import { payloadOf } from "./templates.ts";
import { type WebhookAnswer, sendWebhook, usualMeans } from "./webhook.ts";

type Variables = Record<string, string | undefined>;

/**
 * The function of the jobs that are notifications, with the receivers in a folder. It reads the
 * file each time, so that a new secret counts at once.
 */
export const notifier =
  (folder: string, env: Variables) =>
  async (...args: unknown[]): Promise<WebhookAnswer | undefined> => {
    const [name, id, report] = parse(Notification, args, "notification");
    const receiver = readReceiver(folder, name);
    const delivery = { id, attempt: currentJob()?.attempt ?? 1, report };
    const hidden = { showsAnswer: false, showsOutput: false };
    return await notify(receiver, delivery, { env, ...hidden });
  };

interface DeliveryOptions {
  env: Variables;
  /** Whether errors have the answer of a request. It may repeat the secrets that were sent. */
  showsAnswer: boolean;
  /** Whether the output of a program goes to stderr. */
  showsOutput: boolean;
}

/** Sends a report to a receiver. @throws as {@link sendWebhook}, {@link runCommand} */
export async function notify(
  receiver: Receiver,
  { id, attempt, report }: { id: string; attempt: number; report: Report },
  { env, showsAnswer, showsOutput }: DeliveryOptions,
): Promise<WebhookAnswer | undefined> {
  switch (receiver.kind) {
    case "url": {
      const payload = payloadOf(report, receiver.template ?? "json");
      return await sendWebhook(receiver, { id, attempt, payload }, { ...usualMeans, showsAnswer });
    }
    case "command":
      await runCommand(receiver, id, report, { env, showsOutput });
      return undefined;
    case "mail":
      await sendMail(receiver, id, report, { env, showsOutput });
      return undefined;
  }
}

/** The pool of this worker sends no notifications. */
export const notifierMissing = (): Promise<never> =>
  Promise.reject(
    new FatalError("This pool sends no notifications: start it with --notify-from FOLDER."),
  );
