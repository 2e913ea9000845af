import type { Line } from "../draw/frame.ts";
import { line } from "../draw/frame.ts";
import { bindings, keyName } from "../state/keys.ts";
import { type Model, readOnlyOf } from "../state/model.ts";

/** The keys, from the very table that they are looked up in. */
export function helpLines(model: Model, top: number, height: number): Line[] {
  const groups = ["Moving", "Looking", "Acting", "Leaving"] as const;
  const all = groups.flatMap((group) => [
    line({ text: group, tone: "title" }),
    ...bindings
      .filter((each) => each.group === group)
      .map(({ keys, help, isChange }) =>
        line(
          { text: `  ${keys.map(keyName).join(" ").padEnd(16)} `, tone: "key" },
          { text: help, tone: isChange && readOnlyOf(model) !== null ? "dim" : "plain" },
        ),
      ),
  ]);
  const from = Math.max(0, Math.min(top, all.length - height));
  return all.slice(from, from + height);
}
