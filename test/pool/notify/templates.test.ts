import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { messageOf } from "../../../src/domain/errors.ts";
import type { Report } from "../../../src/domain/notification.ts";
import { mailOf, runCommand } from "../../../src/pool/notify/program.ts";
import { jsonBody, payloadOf } from "../../../src/pool/notify/templates.ts";

const report = {
  ...{ kind: "posting", id: 41, name: "night", flow: { id: 7, name: "f" }, stage: "a" },
  ...{ schedule: "s", scheduledAt: "2026-11-30T01:00:00.000Z", entryPoint: "a.ts#b" },
  ...{ command: null, state: "failed", reason: null },
  jobs: { total: 1000, done: 990, failed: 10, cancelled: 0 },
  failures: [{ fingerprint: "1f0c4a3e", count: 9, name: "RangeError", message: "too bright" }],
  ...{ postedAt: "2026-11-30T01:00:00.000Z", endedAt: "2026-11-30T01:20:00.000Z" },
  ...{ durationMs: 1_200_000, ending: 2 },
} satisfies Report;

const evil =
  "<!channel> & <@U1> @all @here *b* `x ![i](http://evil.test/p.png) [l](http://e)\n\u202e\0.";
const hostile: Report = {
  ...report,
  ...{ name: evil, stage: evil, schedule: evil, entryPoint: evil, reason: evil },
  failures: [{ fingerprint: "1", count: 1, name: evil, message: evil }],
};

const textOf = (shown: Report, template: "slack" | "mattermost") =>
  (JSON.parse(payloadOf(shown, template).body) as { text: string }).text;

test("a message for people has the name, the counts, the failures, and that it is the second", () => {
  expect(textOf(report, "slack").split("\n")).toEqual([
    "posting 41 (`night`) failed",
    "990 of 1000 jobs done, 10 failed, after 20 min, for the 2nd time",
    "`a.ts#b`",
    "stage `a` of flow 7",
    "schedule `s`, for 2026-11-30T01:00:00.000Z",
    "9x `RangeError: too bright`",
  ]);
});

test("hostile names are code in Slack and Mattermost: no mention, no link, no image, one line", () => {
  for (const template of ["slack", "mattermost"] as const) {
    const text = textOf(hostile, template);
    expect(text.split("\n")).toHaveLength(7);
    expect(text).not.toMatch(/\p{Cf}|\0/u);
    const outside = text.replaceAll(/`[^`\n]*`/g, "");
    expect(outside).not.toMatch(/[<>@[\]!*&`]|evil/);
  }
  expect(textOf(hostile, "slack")).not.toMatch(/[<>]/);
  expect(textOf(hostile, "slack")).toContain("&lt;!channel&gt; &amp; ");
});

test("ntfy gets text, and a title that is a header and nothing else", () => {
  const { body, headers } = payloadOf(hostile, "ntfy");
  expect(headers["title"]).toMatch(/^(=\?UTF-8\?B\?[\w+/]+=*\?= ?)+$|^[\x20-\x7e]+$/);
  expect(headers["priority"]).toBe("high");
  expect(body.split("\n")[0]).toContain("990 of 1000 jobs done");
  const umlaut = payloadOf({ ...report, name: "nächtlich" }, "ntfy").headers["title"] ?? "";
  expect(Buffer.from(umlaut.split("?")[3] ?? "", "base64").toString()).toBe(
    "posting 41 (nächtlich) failed",
  );
});

test("the body of a flow with very many stages has at most 64 KiB", () => {
  const stage = { stage: "x".repeat(100), posting: 1, state: "failed", failed: 1 };
  const { kind: _, ...shared } = report;
  const flow: Report = {
    kind: "flow",
    ...shared,
    stages: Array.from({ length: 999 }, () => stage),
  };
  const body = jsonBody(flow);
  expect(Buffer.byteLength(body)).toBeLessThan(65_536);
  expect(JSON.parse(body)).toMatchObject({ kind: "flow", jobs: report.jobs });
});

test("no name can begin a header of a mail, or end its text", () => {
  const receiver = {
    ...{ name: "post", folder: "/", kind: "mail" as const },
    ...{ mail: ["ann@example.com"], from: "pdoflow@example.com" },
  };
  const name = "a\r\nBcc: eve@evil.test\r\n\r\n.\r\nä";
  const message = mailOf(receiver, "posting-41-2-abc", { ...report, name, reason: name });
  const [head = "", text = ""] = message.split("\n\n");
  const headers = head.split("\n").filter((line) => !line.startsWith(" "));
  expect(headers.map((line) => line.split(":")[0])).toEqual([
    ...["To", "From", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version"],
    ...["Content-Type", "Content-Transfer-Encoding"],
  ]);
  expect(message).not.toMatch(/Bcc|\r/);
  expect(text).toMatch(/^[\w+/=\n]+$/);
  expect(Buffer.from(text, "base64").toString()).toContain("posting 41 (a Bcc: eve@evil.test . ä)");
});

test("a command gets the body and variables, in which a name is data", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pdoflow-command-"));
  const script =
    'cat > body; printf "%s|%s|%s|%s" "$PDOFLOW_POSTING" "$PDOFLOW_STATE" \\\n' +
    '  "$PDOFLOW_FAILED" "$PDOFLOW_NAME" > seen; test ! -e fail';
  const receiver = {
    name: "page",
    folder,
    kind: "command" as const,
    command: ["sh", "-c", script],
  };
  const own = { env: { PATH: process.env["PATH"] }, showsOutput: false };
  await runCommand(receiver, "x", { ...report, name: "$(touch fail)\n`touch fail`\0" }, own);
  expect(JSON.parse(readFileSync(join(folder, "body"), "utf8"))).toMatchObject({ id: 41 });
  expect(readFileSync(join(folder, "seen"), "utf8")).toBe(
    "41|failed|10|$(touch fail) `touch fail`",
  );
  writeFileSync(join(folder, "fail"), "");
  const errorOf = (one: typeof receiver) => runCommand(one, "x", report, own).catch(messageOf);
  expect(await errorOf(receiver)).toBe("receiver page: its command ended with exit code 1");
  expect(await errorOf({ ...receiver, command: ["./SECRET"] })).toBe(
    "receiver page: its command could not be started",
  );
  rmSync(folder, { recursive: true });
});
