import { InvalidInput } from "./errors.ts";

/**
 * The capabilities of a pool: a name alone, or a name with an amount or a word: `{ gpu: true, mem:
 * 68719476736 }`.
 */
export type Provides = Readonly<Record<string, true | number | string>>;

/** A need of a job: `["gpu", "has"]`, `["mem", ">=", 17179869184]`, `["model", "=", "a100"]`. */
export type Need = readonly [name: string, "has"] | readonly [string, ">=" | "=", number | string];
export type Needs = readonly Need[];

/** The need of jobs that are commands, which only pools with `--commands` meet. */
export const commandNeed: Need = ["commands", "has"];
export const isCommandNeed = ([key]: Need): boolean => key === commandNeed[0];

const name = /^[a-z][a-z0-9_.-]*$/i;
const units: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/**
 * Parses the capabilities of a pool: `gpu,mem=64G,model=a100`. Amounts may have the units K, M, G,
 * T, each 1024 times the one before, also written as g, GB or GiB.
 *
 * @throws {InvalidInput} with each part that is wrong.
 */
export function parseProvides(text: string): Provides {
  const provides: Record<string, true | number | string> = {};
  const problems: string[] = [];
  for (const part of partsOf(text)) {
    const [key, value] = splitOnce(part, "=");
    if (!name.test(key) || value === "") problems.push(wrong(part, "gpu or mem=64G"));
    else provides[key] = value === undefined ? true : amountOrWord(value);
  }
  if (problems.length > 0) throw new InvalidInput("the capabilities of a pool", problems);
  return provides;
}

/**
 * Parses the needs of jobs: `gpu,mem>=16G,model=a100`. They are sorted, so that equal needs are
 * equal.
 *
 * @throws {InvalidInput} with each part that is wrong.
 */
export function parseNeeds(text: string): Needs {
  const needs: Need[] = [];
  const problems: string[] = [];
  for (const part of partsOf(text)) {
    const [, key = "", operator, value = ""] = /^([^<>=]*)(>=|=)?(.*)$/s.exec(part) ?? [];
    const amount = amountOrWord(value);
    if (!name.test(key) || (operator === undefined) !== (value === "")) {
      problems.push(wrong(part, "gpu, mem>=16G or model=a100"));
    } else if (operator === undefined) needs.push([key, "has"]);
    else if (operator === "=") needs.push([key, "=", amount]);
    else if (operator === ">=" && typeof amount === "number") needs.push([key, ">=", amount]);
    else problems.push(`${part}: expected a number after >=`);
  }
  if (problems.length > 0) throw new InvalidInput("the needs of the jobs", problems);
  return needs.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** The needs that a pool cannot meet; none if it may run such jobs. */
export const unmetNeeds = (needs: Needs, provides: Provides): Need[] =>
  needs.filter((need) => !isMet(need, has(provides, need[0])));

/** Not properties that every object has, such as `constructor`. */
const has = (provides: Provides, key: string) =>
  Object.hasOwn(provides, key) ? provides[key] : undefined;

/** A need in the notation of the command line: `mem>=16G`. */
export function formatNeed(need: Need): string {
  if (need[1] === "has") return need[0];
  return `${need[0]}${need[1]}${typeof need[2] === "number" ? formatAmount(need[2]) : need[2]}`;
}

/** What a pool provides that meets the needs, in the notation of `--provides`: `gpu,mem=16G`. */
export const formatProvides = (needs: Needs): string =>
  needs.map((need) => formatNeed(need).replace(">=", "=")).join(",");

function isMet(need: Need, found: true | number | string | undefined): boolean {
  if (found === undefined) return false;
  switch (need[1]) {
    case "has":
      return found !== 0;
    case "=":
      return found === need[2];
    case ">=":
      return typeof found === "number" && found >= Number(need[2]);
  }
}

function amountOrWord(text: string): number | string {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)(?:([KMGT])(?:i?B)?)?$/i.exec(text) ?? [];
  return digits === undefined ? text : Number(digits) * (units[unit.toUpperCase()] ?? 1);
}

function formatAmount(amount: number): string {
  const fitting = Object.entries(units).findLast(
    ([, size]) => amount >= size && amount % size === 0,
  );
  return fitting ? `${amount / fitting[1]}${fitting[0]}` : String(amount);
}

const partsOf = (text: string) => text.split(",").map((part) => part.trim());
const wrong = (part: string, example: string) =>
  `expected a part such as ${example}, found "${part}"`;

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
