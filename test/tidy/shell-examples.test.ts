// Which shell examples of the documents are run: those marked `sh run`, all of them, by the test of
// their page. Any other is here, with the reason.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const textOf = (path: string) => readFileSync(join(root, path), "utf8");

/** The test that runs every `sh run` block of a page. */
const testOf: Readonly<Record<string, string>> = {
  "README.md": "test/binary/shell/examples.test.ts",
  "docs/posting.md": "test/binary/post/posting-guide.slow.test.ts",
  "docs/database.md": "test/binary/shell/docs-examples.slow.test.ts",
  "docs/flows.md": "test/binary/shell/docs-examples.slow.test.ts",
  "docs/notifications.md": "test/binary/shell/docs-examples.slow.test.ts",
  "docs/plots.md": "test/binary/shell/docs-examples.slow.test.ts",
  "docs/metrics.md": "test/binary/shell/docs-examples.slow.test.ts",
  "docs/programs.md": "test/binary/shell/docs-examples.slow.test.ts",
  "docs/report.md": "test/binary/shell/docs-examples.slow.test.ts",
  "docs/schedules.md": "test/binary/shell/docs-examples.slow.test.ts",
  "docs/security.md": "test/binary/shell/docs-examples.slow.test.ts",
  "docs/selectors.md": "test/binary/shell/docs-examples.slow.test.ts",
  "docs/signing.md": "test/binary/shell/docs-examples.slow.test.ts",
  "docs/top.md": "test/binary/shell/docs-examples.slow.test.ts",
};

/** How blocks begin that no test runs, and why. */
const notRun: readonly (readonly [page: string, beginning: string, why: string])[] = [
  ["README.md", "git clone", "gets a copy of the repository that the test is in"],
  ["README.md", "export PDOFLOW_DATABASE_URL", "prepares a server that only its reader has"],
  ["docs/cluster.md", "pdoflow up", "uses the reader's own server; README.md has the like"],
  ["docs/cluster.md", "sudo ", "needs systemd and root; test/engines has the unit checked"],
  ["docs/cluster.md", "export PDOFLOW_DATABASE_URL", "has a server that only its reader has"],
  ["docs/cluster.md", "pdoflow launch", "needs other machines; test/engines does it"],
  ["docs/cluster.md", "npm run build", "needs a registry; test/engines does it without one"],
  ["docs/cluster.md", "kubectl create", "needs a cluster; test/engines checks the manifests"],
  ["docs/library.md", "(cd /path/to/pdoflow", "installs from a clone; test/packages does it"],
  ["docs/metrics.md", "pdoflow pool --health 9470", "has a fixed port; test/cli/health asks pools"],
  ["docs/metrics.md", "pdoflow pool --once --push", "needs a Pushgateway; test/deploy has one"],
  ["docs/notifications.md", "mkdir -p -m 700 notify.d\ncat > notify.d/slack", "sends to Slack"],
  ["docs/notifications.md", "pdoflow pool --notify-from notify.d\n", "sends to Slack"],
  ["docs/notifications.md", "pdoflow pool --notify-from notify.d --project", "never ends"],
  ["docs/resources.md", "pdoflow post", "test/pool/run/resources.test.ts does it with fake gpus"],
  ["docs/resources.md", "pdoflow pool", "never ends; test/pool/run/resources.test.ts has the like"],
  ["docs/scale.md", "npm run bench", "takes ten minutes and a quiet machine"],
  ["docs/upgrading.md", "pdoflow migrate", "needs several releases; test/upgrade makes them"],
  ["docs/web.md", "ssh -L", "needs another machine"],
  ["docs/web.md", "pdoflow web", "runs until Ctrl-C; test/cli/web starts it"],
  ["docs/report.md", "pdoflow flow wait @night", "sends mail, which a test must not"],
  ["docs/metrics.md", "pdoflow pool --otlp", "needs a collector; test/cli/trace has one"],
  ["docs/metrics.md", "pdoflow exporter", "has a fixed port; test/cli/health asks an exporter"],
  ["CONTRIBUTING.md", "PDOFLOW_TEST_POSTGRES=14", "is the run of tests that this is one of"],
  ["CONTRIBUTING.md", "bun test/chaos", "takes 20 minutes; test/chaos runs it for less"],
];

interface Block {
  page: string;
  language: string;
  text: string;
}

function shellBlocks(page: string, document: string): Block[] {
  return [...document.matchAll(/^ *```(sh|bash|shell|zsh|sh .*)\n([^]*?)^ *```$/gm)].map(
    ([, language = "", text = ""]) => ({ page, language, text }),
  );
}

function faults(blocks: readonly Block[]): string[] {
  return blocks.flatMap(({ page, language, text }) => {
    if (language === "sh run") {
      return testOf[page] === undefined ? [`${page}: no test runs its "sh run" blocks`] : [];
    }
    const isKnown = notRun.some(([where, begin]) => where === page && text.startsWith(begin));
    return isKnown ? [] : [`${page}: mark it "sh run", or say why it is not: ${text}`];
  });
}

const pages = [
  ...["README.md", "CONTRIBUTING.md"],
  ...readdirSync(join(root, "docs")).flatMap((name) =>
    name.endsWith(".md") ? `docs/${name}` : [],
  ),
];
const blocks = pages.flatMap((page) => shellBlocks(page, textOf(page)));

test("each shell example of the documents is run by a test, or it is said why not", () => {
  expect(faults(blocks)).toEqual([]);
  expect(blocks.length).toBeGreaterThan(10);
});

test("the tests that are named read their pages, and no name or reason is left over", () => {
  for (const [page, path] of Object.entries(testOf)) {
    expect(textOf(path)).toContain(page.replace("docs/", ""));
    expect(textOf(path)).toContain("sh run");
    expect(blocks.some((block) => block.page === page && block.language === "sh run")).toBe(true);
  }
  for (const [page, begin] of notRun) {
    expect(blocks.some((block) => block.page === page && block.text.startsWith(begin))).toBe(true);
  }
});

test("an example that is not marked, and one that no test runs, are found", () => {
  const document = "```sh\npdoflow up\n```\n\n```sh run\npdoflow down\n```\n";
  expect(faults(shellBlocks("docs/sql.md", document))).toEqual([
    expect.stringContaining('mark it "sh run"'),
    expect.stringContaining("no test runs"),
  ]);
});

test("units of systemd in the documents create the folders in /run that they use", () => {
  const units = readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .flatMap((name) => textOf(`docs/${name}`).match(/^```ini\n[^]*?^```$/gm) ?? []);
  const used = units.filter((unit) => unit.includes(" /run/pdoflow/"));
  expect(used).not.toEqual([]);
  for (const unit of used) expect(unit).toContain("\nRuntimeDirectory=pdoflow\n");
});
