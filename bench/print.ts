// A report as lines of text.
import { spreadOf } from "./measure.ts";
import {
  boundText,
  type CaseResult,
  type Check,
  figure,
  type Report,
  type Series,
  verdictOf,
} from "./result.ts";

const pairs = (entries: Readonly<Record<string, string | number>>): string =>
  Object.entries(entries)
    .map(
      ([name, value]) =>
        `${name} ${typeof value === "number" ? value.toLocaleString("en") : value}`,
    )
    .join(", ");

/** On what and with what was measured. */
export function conditionLines({ machine, versions, server, isQuick }: Omit<Report, "cases">) {
  return [
    `machine   ${pairs(machine)}`,
    `versions  ${pairs(versions)}`,
    `server    ${pairs(server)}`,
    ...(isQuick ? ["quick: small sizes and few rounds, so look at --case NAME without it"] : []),
  ];
}

const columns = `${"".padEnd(46)}${["median", "min", "max"].map((h) => h.padStart(17)).join("")}`;

function spreadLine({ name, unit, values }: Series): string {
  const { median, min, max } = spreadOf(values);
  const columns = [median, min, max].map((n) => figure(n, unit).padStart(17));
  return `  ${name.padEnd(44)}${columns.join("")}`;
}

function checkLine(check: Check): string {
  const verdict = verdictOf(check);
  const target = verdict === "reported" ? "" : `   ${boundText(check)}: ${verdict}`;
  return `${spreadLine(check)}${target}`;
}

/** All that one case found. */
export function caseLines(result: CaseResult): string[] {
  const { name, what, target, failure, sizes, tuned = {}, series, checks, notes = [] } = result;
  const head = [`${name}: ${what}`, `  target: ${target}`];
  if (failure !== null) return [...head, `  FAILED: ${failure}`, ""];
  return [
    ...head,
    `  ${pairs(sizes)}; took ${result.tookSeconds.toFixed(0)} s`,
    ...Object.entries(tuned).map(([who, setting]) => `  tuned ${who}: ${setting}`),
    columns,
    ...series.map(spreadLine),
    ...checks.map(checkLine),
    ...notes.map((note) => `  note: ${note}`),
    "",
  ];
}

/** One line for each target, with what was reached. */
export function summaryLines({ cases }: Pick<Report, "cases">): string[] {
  return cases.flatMap(({ name, checks, failure }) => {
    if (failure !== null) return [`${name.padEnd(21)} FAILED ${failure.split("\n")[0]}`];
    return checks
      .filter(({ bound }) => bound !== null)
      .map((check) => {
        const { median, min, max } = spreadOf(check.values);
        const [middle, low, high] = [median, min, max].map((value) => figure(value, check.unit));
        const spread = check.values.length > 1 ? ` (${low} to ${high})` : "";
        return (
          `${name.padEnd(21)} ${verdictOf(check).padEnd(7)} ${check.name}: ` +
          `${middle}${spread}, ${boundText(check)}`
        );
      });
  });
}
