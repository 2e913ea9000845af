import { spreadOf } from "./measure.ts";
import type { Report } from "./result.ts";

const commandTools = ["pdoflow run", "GNU parallel", "xargs"] as const;
export type CommandTool = (typeof commandTools)[number];
const commandTasks = ["one command", "1,000 times true"] as const;

/** The times of the case `commands`, from the last report that has them; null if none has. */
export function commandTable(reports: readonly Report[]): string | null {
  const series = reports
    .flatMap(({ cases }) => cases.filter(({ name }) => name === "commands"))
    .at(-1)?.series;
  if (series === undefined) return null;
  const cell = (task: string, tool: string) => {
    const values = series.find(({ name }) => name === `${task}: ${tool}`)?.values ?? [];
    return values.length === 0 ? "not measured" : `${spreadOf(values).median.toFixed(2)} s`;
  };
  return [
    `| two at a time | ${commandTools.join(" | ")} |`,
    `| --- | ${commandTools.map(() => "---").join(" | ")} |`,
    ...commandTasks.map(
      (task) => `| ${task} | ${commandTools.map((tool) => cell(task, tool)).join(" | ")} |`,
    ),
    "",
  ].join("\n");
}
