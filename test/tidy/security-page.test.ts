// docs/security.md: what it promises has a test, which is there.
import { expect, test } from "bun:test";
import { basename } from "node:path";

const page = await Bun.file(new URL("../../docs/security.md", import.meta.url)).text();
const files = [...new Bun.Glob("**/*.test.ts").scanSync(new URL("..", import.meta.url).pathname)]
  .filter((file) => !file.includes("node_modules"))
  .map((file) => `test/${file}`);

const text = page.replaceAll(/^ *```[^`]*```$/gm, "");
/** The paragraphs, lists and rows of the page, but for examples. */
const parts = text.split(/\n\n|\n(?=\|)/).map((part) => part.trim());
const between = (from: string, to: string) => text.split(from)[1]?.split(to)[0] ?? "";
/** What is said to be possible is no promise. */
const limits =
  between("What is not stopped:", "## What a pool runs") +
  between("But a job is a program\n", "A pool that root starts");

test("the tests that the page names are there, each once", () => {
  const named = [...page.matchAll(/`([\w/-]+\.test\.ts)`/g)].map(([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(30);
  const wrong = named.filter((name) => {
    const found = files.filter((file) => (name.includes("/") ? file : basename(file)) === name);
    return found.length !== 1;
  });
  expect(wrong).toEqual([]);
});

test("each promise names its test: rows of what stops whom, and what is said in words", () => {
  const isRow = (part: string) => part.startsWith("|");
  const bare = parts.filter((part) => !/test\.ts|test\/fuzz/.test(part));
  const rows = bare.filter((part) => isRow(part) && !/^\| (-|who tries|what |may )/.test(part));
  expect(rows.length).toBe(10); // those of the matrix of acts, which is one test
  const words = bare.filter(
    (part) => part !== "" && !/^[#|]/.test(part) && !part.endsWith(":") && !limits.includes(part),
  );
  expect(words.map((part) => part.slice(0, 60))).toEqual([]);
});
