import { hostname } from "node:os";

import type { Report } from "../../domain/notification.ts";
import { NotificationFailed } from "./notification-failed.ts";
import type { Receiver } from "./receivers.ts";
import { headerText, jsonBody, messageOf, plain, titleOf } from "./templates.ts";

/**
 * Runs the command of a receiver in the folder of its file, with the report on standard input and
 * its main values in the environment. Its output goes to stderr of this process, or nowhere.
 *
 * @throws {NotificationFailed} it ended with another exit code than 0, or did not start.
 */
export async function runCommand(
  { name, folder, command }: Extract<Receiver, { kind: "command" }>,
  id: string,
  report: Report,
  { env, showsOutput }: Surroundings,
): Promise<void> {
  const { kind, jobs, state, ending } = report;
  const isPosting = report.kind === "posting";
  const own = {
    PDOFLOW_NOTIFICATION: id,
    PDOFLOW_KIND: kind,
    PDOFLOW_POSTING: isPosting ? String(report.id) : "",
    PDOFLOW_FLOW: String(isPosting ? (report.flow?.id ?? "") : report.id),
    PDOFLOW_NAME: plain(report.name ?? ""),
    PDOFLOW_STAGE: plain((isPosting ? report.stage : null) ?? ""),
    PDOFLOW_SCHEDULE: plain((isPosting ? report.schedule : null) ?? ""),
    PDOFLOW_STATE: state,
    PDOFLOW_FAILED: String(jobs.failed),
    PDOFLOW_DONE: String(jobs.done),
    PDOFLOW_TOTAL: String(jobs.total),
    PDOFLOW_ENDING: String(ending),
  };
  const input = jsonBody(report);
  await run(name, command, { cwd: folder, env: { ...env, ...own }, input, showsOutput });
}

interface Surroundings {
  env: Record<string, string | undefined>;
  /** The output may have secrets of the receiver, so it is neither kept nor logged by a pool. */
  showsOutput: boolean;
}

/** Where Linux and macOS have it; it is rarely in the path of a service. */
const sendmailPath = "/usr/sbin/sendmail";

/**
 * Sends a mail with a program that reads the whole message, such as sendmail.
 *
 * @throws {NotificationFailed}
 */
export async function sendMail(
  receiver: Extract<Receiver, { kind: "mail" }>,
  id: string,
  report: Report,
  surroundings: Surroundings,
): Promise<void> {
  const { name, folder, sendmail = [sendmailPath, "-t", "-i"] } = receiver;
  await run(name, sendmail, {
    ...surroundings,
    ...{ cwd: folder, input: mailOf(receiver, id, report) },
  });
}

/** A whole message. Its text is encoded, so that no line of it can end the message. */
export function mailOf(
  { mail, from }: Extract<Receiver, { kind: "mail" }>,
  id: string,
  report: Report,
): string {
  const text = Buffer.from(`${messageOf(report)}\n`).toString("base64");
  return [
    `To: ${mail.join(", ")}`,
    ...(from === undefined ? [] : [`From: ${from}`]),
    `Subject: ${headerText(titleOf(report, plain)).replaceAll("?= =?", "?=\n =?")}`,
    `Message-ID: <${id}@${headerText(hostname()).replaceAll(/[^\w.-]/g, "-")}>`,
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    ...(text.match(/.{1,76}/g) ?? []),
    "",
  ].join("\n");
}

interface Run extends Surroundings {
  cwd: string;
  input: string;
}

async function run(receiver: string, command: readonly string[], given: Run): Promise<void> {
  const { input, showsOutput, ...options } = given;
  const output = showsOutput ? 2 : "ignore";
  const child = (() => {
    try {
      const stdin = Buffer.from(input);
      return Bun.spawn([...command], { ...options, stdin, stdout: output, stderr: output });
    } catch {
      return null; // of its words, only the file of the receiver tells
    }
  })();
  if (child === null) throw new NotificationFailed(receiver, "its command could not be started");
  await child.exited;
  const { signalCode, exitCode } = child;
  if (signalCode !== null) {
    throw new NotificationFailed(receiver, `its command was killed by ${signalCode}`);
  }
  if (exitCode === 0) return;
  throw new NotificationFailed(receiver, `its command ended with exit code ${exitCode}`);
}
