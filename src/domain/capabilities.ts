import { InvalidInput } from "./errors.ts";
import { canBeWord, nameFault } from "./known-resources.ts";

/** A resource of a pool: a name alone, an amount, a word, or a list of devices. */
export type Provided = true | number | string | readonly string[];

/** The resources of a pool by name: `{ gpu: ["0", "1"], mem: 68719476736, model: "a100" }`. */
export type Provides = Readonly<Record<string, Provided>>;

/**
 * A need of a job. The pool must have something (`["gpu", "has"]`), at least an amount (`["mem",
 * ">=", 17179869184]`) or a word (`["model", "=", "a100"]`). With a number, "=" is a count: the job
 * takes that amount while it runs (`["gpu", "=", 1]`).
 */
export type Need = readonly [name: string, "has"] | readonly [string, ">=" | "=", number | string];
export type Needs = readonly Need[];

/** The need of jobs that are commands, which only pools with `--commands` meet. */
export const commandNeed: Need = ["commands", "has"];
export const isCommandNeed = ([key]: Need): boolean => key === commandNeed[0];

const name = /^[a-z][a-z0-9_./-]*$/i;
const device = /^(?!none$)[\w.:/][\w.:/-]*$/;
const units: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** The resource whose values are always devices: `gpu=0` is the device 0. */
const gpu = "gpu";
/** The resources of which a pool cannot have nothing; a list of cpus has their numbers. */
const [cpus, mem] = ["cpus", "mem"];

/**
 * Parses the values of `--resource`, and adds them to the detected resources of a pool:
 * `fast-disk`, `mem=64G`, `model=a100`, `gpu=0,1`; `gpu=none` removes one. Amounts may have the
 * units K, M, G, T, each 1024 times the one before, also written as g, GB, GiB or Gi. Faults name
 * the `option` that has the words.
 *
 * @throws {InvalidInput} with each value that is wrong.
 */
export function parseResources(
  words: readonly string[],
  detected: Provides = {},
  option = "--resource",
): Provides {
  const provides = new Map<string, Provided>(Object.entries(detected));
  const problems: string[] = [];
  for (const word of words.map((each) => each.trim())) {
    const [key, value] = splitOnce(word, "=");
    const isRemoved = value === "none";
    const provided = value === undefined || isRemoved ? true : providedBy(key, value);
    const fault = nameFault(key);
    if (fault !== null) problems.push(fault);
    else if (!name.test(key) || provided === null) {
      problems.push(wrong(word, "cpus=4, mem=64G or gpu=0,1"));
    } else if (isLittleMemory(key, provided)) problems.push(littleMemory(word, "mem=64G"));
    else if (isRemoved) provides.delete(key);
    else provides.set(key, provided);
  }
  if (problems.length > 0) throw new InvalidInput(option, problems);
  return Object.fromEntries(provides);
}

/**
 * Parses a list of such words: `gpu=0,1,mem=64G`. A part of digits is a further device. An empty
 * text is a pool that provides nothing.
 *
 * @throws {InvalidInput} as `parseResources`.
 */
export const parseResourceList = (text: string, option: string): Provides =>
  text === "" ? {} : parseResources(text.split(/,(?!\s*\d+\s*(?:,|$))/), {}, option);

/** Null if the value has another form. */
function providedBy(key: string, value: string): Provided | null {
  if (key !== gpu && !value.includes(",")) {
    const amount = amountOrWord(value);
    const isRight =
      typeof amount === "string"
        ? value !== "" && canBeWord(key, value)
        : amount > 0 || (key !== cpus && key !== mem);
    return isRight ? amount : null;
  }
  const devices = value.split(",").map((each) => each.trim());
  const form = key === cpus ? /^\d+$/ : device;
  const areRight = key !== mem && devices.every((each) => form.test(each));
  return areRight && new Set(devices).size === devices.length ? devices : null;
}

/**
 * Parses the needs of jobs: `gpu=1,mem>=16G,model=a100`. They are sorted, so that equal needs are
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
      problems.push(wrong(part, "gpu=1, mem>=16G or model=a100"));
    } else if (operator === undefined) needs.push([key, "has"]);
    else if (operator === "=") needs.push([key, "=", amount]);
    else if (operator === ">=" && typeof amount === "number") needs.push([key, ">=", amount]);
    else problems.push(`${part}: expected a number after >=`);
  }
  const fault = needsFault(needs);
  if (fault !== null) problems.push(fault);
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

/** The resource of a pool in the notation of `--resource`: `mem=16G`. */
export function formatProvided(key: string, provided: Provided): string {
  if (provided === true) return key;
  if (typeof provided === "number") return `${key}=${formatAmount(provided)}`;
  return `${key}=${typeof provided === "string" ? provided : provided.join(",")}`;
}

/** Options that give a pool what meets the needs: `--resource gpu=0 --resource mem=16G`. */
export function formatProvides(needs: Needs): string[] {
  const provides = new Map<string, Provided>();
  for (const [key, operator, value = 1] of needs) {
    const had = provides.get(key);
    const isNumeric = typeof value === "number" && (operator !== "has" || key === gpu);
    const most = isNumeric ? Math.max(value, totalOf(had ?? 0)) : 0;
    if (key === gpu && isNumeric) {
      provides.set(
        key,
        Array.from({ length: Math.ceil(most) }, (_, i) => String(i)),
      );
    } else if (operator !== "has") provides.set(key, isNumeric ? most : value);
    else if (had === undefined) provides.set(key, true);
  }
  return [...provides].map(([key, provided]) => formatProvided(key, provided));
}

/** Whether jobs can take amounts of it; of a word they cannot. */
export const isAmount = (provided: Provided | undefined): boolean =>
  typeof provided === "number" || typeof provided === "object";

/** The amount that a pool has of a resource; 0 for a word. */
export const totalOf = (provided: Provided | undefined): number =>
  typeof provided === "number" ? provided : typeof provided === "object" ? provided.length : 0;

/** The amounts that a job takes while it runs, by resource. */
export type Counts = Readonly<Record<string, number>>;

/**
 * The amounts that a job with these needs takes while it runs; null if it counts nothing. It takes
 * a cpu if it counts others only.
 */
export function countsOf(needs: Needs): Counts | null {
  const counted = needs.flatMap(([key, operator, amount]) =>
    operator === "=" && typeof amount === "number" ? [[key, amount] as const] : [],
  );
  return counted.length === 0 ? null : { cpus: 1, ...Object.fromEntries(counted) };
}

/** Whether a job takes an amount while it runs. */
export const isCount = ([, operator, amount]: Need): boolean =>
  operator === "=" && typeof amount === "number";

/** Why jobs cannot have these needs; null if they can. */
export function needsFault(needs: Needs): string | null {
  for (const need of needs) {
    const fault = nameFault(need[0]);
    if (fault !== null) return fault;
    if (need[1] === "=" && typeof need[2] === "string" && !canBeWord(need[0], need[2])) {
      return `${formatNeed(need)}: expected an amount such as ${need[0] === mem ? "8G" : "1"}`;
    }
    if (isLittleMemory(need[0], need[2])) {
      return littleMemory(formatNeed(need), `mem${need[1]}8G`);
    }
  }
  const counted = needs.filter(isCount);
  const names = counted.map(([key]) => key);
  const twice = names.find((key, i) => names.indexOf(key) !== i);
  if (twice !== undefined) return `expected one amount of ${twice}, found two`;
  for (const need of counted) {
    const amount = Number(need[2]);
    if (!(amount >= leastAmount && amount <= mostAmount)) {
      return `${formatNeed(need)}: expected an amount from 0.0001 to 8192T`;
    }
    if (need[0] === gpu && amount > 1 && !Number.isInteger(amount)) {
      return `${formatNeed(need)}: expected a whole number, or a share of one gpu such as 0.5`;
    }
  }
  return null;
}

/** Less memory is taken for an amount without its unit: `mem=8` for `mem=8G`. */
const leastMemory = 2 ** 20;
const isLittleMemory = (key: string, amount: unknown): boolean =>
  key === mem && typeof amount === "number" && amount < leastMemory;
const littleMemory = (found: string, example: string): string =>
  `${found}: expected at least 1M, because amounts without a unit are bytes; such as ${example}`;

/** The finest share of a resource … */
export const leastAmount = 0.0001;
/** … and the largest amount. */
const mostAmount = 2 ** 53;

function isMet(need: Need, found: Provided | undefined): boolean {
  if (found === undefined) return false;
  switch (need[1]) {
    case "has":
      return found !== 0;
    case "=":
      return typeof need[2] === "number" ? canTake(found, need[2]) : found === need[2];
    case ">=":
      return isAmount(found) && totalOf(found) >= Number(need[2]);
  }
}

/** A share of a device is a part of one; several devices are whole ones. */
const canTake = (found: Provided, amount: number): boolean =>
  amount >= leastAmount &&
  totalOf(found) >= amount &&
  (typeof found === "number" || amount <= 1 || Number.isInteger(amount));

function amountOrWord(text: string): number | string {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)(?:([KMGT])i?B?)?$/i.exec(text) ?? [];
  if (digits === undefined) return text;
  const size = units[unit.toUpperCase()];
  return size === undefined ? Number(digits) : Math.ceil(Number(digits) * size); // whole bytes
}

/** An amount with a unit if it is a multiple of one: `16G`. */
export function formatAmount(amount: number): string {
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
