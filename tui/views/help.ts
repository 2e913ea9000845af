import { type Line, line } from "../draw/frame.ts";
import { type Binding, bindings, keyGroups, keyName } from "../state/keys.ts";
import { type Model, readOnlyOf } from "../state/model.ts";

/** The keys, from the table that also binds them. Changes are dim if they are not allowed. */
export function helpLines(model: Model, top: number, height: number): Line[] {
  const isReadOnly = readOnlyOf(model) !== null;
  const row = ({ keys, help, isChange }: Binding) =>
    line(
      { text: `  ${keys.map(keyName).join(" ").padEnd(16)} `, tone: "key" },
      { text: help, tone: isChange && isReadOnly ? "dim" : "plain" },
    );
  const all = keyGroups.flatMap((group) => [
    line({ text: group, tone: "title" }),
    ...bindings.filter((each) => each.group === group).map(row),
  ]);
  const from = Math.max(0, Math.min(top, all.length - height));
  return all.slice(from, from + height);
}
