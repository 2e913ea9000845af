import type { Line, Span } from "../draw/frame.ts";
import { line } from "../draw/frame.ts";
import { bindings, keyName } from "../state/keys.ts";
import { type Model, readOnlyOf } from "../state/model.ts";
import { cut, harmless, lettersOf, widthOf } from "../draw/text.ts";

/** What came of the last action, what is asked, and which keys there are. */
export function footerLines(model: Model): Line[] {
  const { prompt, outcome, size } = model;
  const readOnly = readOnlyOf(model);
  const lines: Line[] = [];
  if (prompt?.kind === "confirm") {
    lines.push(...wrapped(`${prompt.question} y/n`, size.columns));
    return lines;
  }
  if (model.isActing) lines.push(line({ text: "working", tone: "busy" }));
  else if (outcome) lines.push(line({ text: harmless(outcome.text), tone: outcome.tone }));
  if (prompt?.kind === "filter") {
    const text = cut(
      lettersOf(prompt.text)
        .slice(-Math.max(1, size.columns - 3))
        .join(""),
      size.columns - 2,
    );
    lines.push(line({ text: "/", tone: "key" }, text, { text: " ", tone: "bar" }));
    return lines;
  }
  const { filter, marked } = model.lists[model.pane];
  const hints: Span[] = [];
  if (filter !== "") hints.push({ text: `filter: ${filter}  `, tone: "warn" });
  if (marked.size > 0) hints.push({ text: `${marked.size} marked  `, tone: "warn" });
  let left = size.columns - hints.reduce((sum, { text }) => sum + widthOf(text), 0);
  // Help and the way out first: they are kept where there is no room for more.
  const ordered = bindings.filter(({ hint }) => hint !== undefined).toReversed();
  for (const { keys, hint, isChange } of ordered) {
    if (isChange && readOnly !== null) continue;
    const name = keyName(keys[0] ?? "");
    const width = widthOf(`${name} ${hint}  `);
    if (width > left) break;
    left -= width;
    hints.push({ text: name, tone: "key" }, { text: ` ${hint}  `, tone: "dim" });
  }
  return [...lines, { spans: hints }];
}

/** In two lines where one is too short: the question must be seen whole, with its number. */
function wrapped(text: string, columns: number): Line[] {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    const longer = last === "" ? word : `${last} ${word}`;
    if (widthOf(longer) <= columns || last === "") lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.map((each) => line({ text: each, tone: "alarm" }));
}
