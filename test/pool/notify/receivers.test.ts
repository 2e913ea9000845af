import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { readReceiver, readReceivers } from "../../../src/pool/notify/receivers.ts";

const folder = mkdtempSync(join(tmpdir(), "pdoflow-receivers-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string, mode = 0o600): string {
  const file = join(folder, `${name}.toml`);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

test("each kind of receiver is read from its file", () => {
  write(
    "hook",
    `url = "https://a.test/x?y=1"\nsecret = ["${secret}", "${secret}"]\nallow = ["::1"]`,
  );
  write("page", `command = ["./page.sh", "night"]`);
  write("post", `mail = "ann@example.com"\nfrom = "pdoflow@example.com"`);
  const [hook, page, mail] = readReceivers(folder);
  expect(hook).toMatchObject({
    name: "hook",
    kind: "url",
    secret: [{ length: 32 }, { length: 32 }],
  });
  expect(page).toMatchObject({ kind: "command", folder, command: ["./page.sh", "night"] });
  expect(mail).toMatchObject({ kind: "mail", mail: ["ann@example.com"] });
});

test.each([
  ['url = "http://a.test/KEY"', "1: url: expected https. If the receiver has only http, add"],
  ['\nurl = "ftp://a.test/KEY"', "2: url: expected a URL such as"],
  ['url = "https://ann:KEY@a.test"', "1: url: expected a URL such as"],
  ['url = "https://a.test/KEY#x"', "1: url: expected a URL such as"],
  ['url = "KEY"', "1: url: expected a URL such as"],
  ['url = "https://a.test"\nsecret = "KEY"', '2: secret: expected "whsec_…" with 24 to 64 bytes'],
  ['url = "https://a.test"\nsecret = "whsec_KEY="', "2: secret: expected"],
  [
    `url = "https://a.test"\nsecret = ["${secret}", "${secret}", "${secret}"]`,
    "2: secret: expected",
  ],
  ['url = "https://a.test"\ntoken = "KEY\\nX: y"', "2: token: expected a text without spaces"],
  ['url = "https://a.test"\nallow = ["KEY"]', "2: allow: expected a list of addresses"],
  [
    'url = "https://a.test"\n\ntemplat = "KEY"',
    '3: unknown key with url. Did you mean "template"?',
  ],
  ['url = "https://a.test"\ntemplate = "KEY"', '2: template: expected "json", "slack",'],
  ['command = "rm KEY"', '1: command: expected a list of words, such as ["./page.sh"]'],
  ['mail = "ann@example.com\\nBcc: KEY@a.test"', "1: mail: expected an address such as"],
  ['mail = "ann@example.com, KEY@a.test"', "1: mail: expected an address such as"],
  ['mail = "ann@example.com"\nfrom = "KEY <a@b>"', "2: from: expected an address such as"],
  [
    'mail = "a@b.c"\nurl = "https://a.test/KEY"',
    "1: expected url, command or mail, found url and mail",
  ],
  ["", "1: expected url, command or mail, found none of them"],
  ["# a comment\nurl = https://a.test/KEY", "2: expected TOML, with a line such as"],
])("%j is refused with its line and a remedy, and its values are not shown", (text, message) => {
  const file = write("wrong", text);
  let found = "";
  try {
    readReceiver(folder, "wrong");
  } catch (error) {
    found = String(error);
  }
  expect(found).toStartWith(`ReceiverInvalid: ${file}:${message}`);
  expect(found).not.toContain("KEY");
});

test("files that others can read, a folder that others can write, and odd names are refused", () => {
  rmSync(join(folder, "wrong.toml"), { force: true });
  const file = write("open", 'url = "https://a.test"', 0o644);
  expect(() => readReceiver(folder, "open")).toThrow(`Run: chmod 600 ${file}`);
  rmSync(file);
  expect(() => readReceiver(folder, "../etc/passwd")).toThrow(
    "expected a file named with up to 40",
  );
  expect(() => readReceiver(folder, "none")).toThrow("there is no receiver");
  chmodSync(folder, 0o777);
  expect(() => readReceivers(folder)).toThrow(`Run: chmod go-w ${folder}`);
  chmodSync(folder, 0o700);
  const empty = join(folder, "empty");
  mkdirSync(empty);
  expect(() => readReceivers(empty)).toThrow("expected a file such as slack.toml");
  expect(() => readReceivers(join(folder, "gone"))).toThrow("expected a folder of receivers");
});

test.skipIf(process.getuid?.() !== 0)(
  "a file or folder of another user is refused, also behind a symlink",
  () => {
    const own = mkdtempSync(join(tmpdir(), "pdoflow-receivers-"));
    try {
      const file = join(own, "page.toml");
      writeFileSync(file, 'command = ["id"]', { mode: 0o600 });
      symlinkSync(file, join(own, "link.toml"));
      symlinkSync(own, join(own, "folder"));
      chownSync(file, 65_534, 65_534);
      const refusal =
        "expected that user 0, who runs this program, or root owns it, found that user";
      for (const read of [
        () => readReceiver(own, "page"),
        () => readReceiver(own, "link"),
        () => readReceivers(own),
      ]) {
        expect(read).toThrow(refusal);
      }
      chownSync(file, 0, 0);
      expect(readReceiver(own, "link")).toMatchObject({ command: ["id"] });
      chownSync(own, 65_534, 65_534);
      for (const folder of [own, join(own, "folder")]) {
        expect(() => readReceiver(folder, "page")).toThrow(refusal);
        expect(() => readReceivers(folder)).toThrow(`run: chown 0 ${folder}`);
      }
      chownSync(own, 0, 0);
      chmodSync(own, 0o777);
      expect(() => readReceiver(own, "page")).toThrow(`Run: chmod go-w ${own}`);
    } finally {
      rmSync(own, { recursive: true });
    }
  },
);

test("folders, FIFOs and other names are ignored, and a FIFO is never waited for", () => {
  const own = mkdtempSync(join(tmpdir(), "pdoflow-receivers-"));
  try {
    writeFileSync(join(own, "page.toml"), 'command = ["id"]', { mode: 0o600 });
    writeFileSync(join(own, ".page.toml.swp"), "", { mode: 0o644 });
    writeFileSync(join(own, ".#page.toml"), "", { mode: 0o644 });
    mkdirSync(join(own, "old.toml"));
    expect(Bun.spawnSync(["mkfifo", "-m", "600", join(own, "pipe.toml")]).success).toBeTrue();
    expect(readReceivers(own).map(({ name }) => name)).toEqual(["page"]);
    for (const name of ["pipe", "old"]) {
      expect(() => readReceiver(own, name)).toThrow(
        `${join(own, name)}.toml: expected a regular file`,
      );
    }
    symlinkSync("gone", join(own, "slack.toml"));
    expect(() => readReceivers(own)).toThrow("there is no receiver");
  } finally {
    rmSync(own, { recursive: true });
  }
});
