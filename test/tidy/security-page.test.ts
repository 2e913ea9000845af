// The tests that docs/security.md names exist.
import { expect, test } from "bun:test";
import { basename } from "node:path";

const page = await Bun.file(new URL("../../docs/security.md", import.meta.url)).text();
const files = [...new Bun.Glob("**/*.test.ts").scanSync(new URL("..", import.meta.url).pathname)]
  .filter((file) => !file.includes("node_modules"))
  .map((file) => `test/${file}`);

test("the tests that the page names are there, each once", () => {
  const named = [...page.matchAll(/`([\w/-]+\.test\.ts)`/g)].map(([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(30);
  const wrong = named.filter((name) => {
    const found = files.filter((file) => (name.includes("/") ? file : basename(file)) === name);
    return found.length !== 1;
  });
  expect(wrong).toEqual([]);
});
