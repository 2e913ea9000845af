import { formatProvides, isCommandNeed } from "./capabilities.ts";
import { receiverOf } from "./notification.ts";
import type { Route } from "./route.ts";
import { shellWord } from "./shell-word.ts";

/** The command that starts a pool for a route. A project that is a path is its root folder. */
export function startPool({ project, needs }: Pick<Route, "project" | "needs">): string {
  const words = ["pdoflow pool"];
  if (project !== "") {
    words.push(`--${project.startsWith("/") ? "root" : "project"} ${shellWord(project)}`);
  }
  if (needs.some(isCommandNeed)) words.push("--commands");
  if (needs.some((need) => receiverOf(need) !== null)) words.push("--notify-from FOLDER");
  const others = needs.filter((need) => !isCommandNeed(need) && receiverOf(need) === null);
  for (const provided of formatProvides(others)) words.push(`--resource ${shellWord(provided)}`);
  return words.join(" ");
}
