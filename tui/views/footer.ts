import { type Line, type Span, line } from "../draw/frame.ts";
import { type Binding, bindings, type Command, keyName } from "../state/keys.ts";
import { jobOrderTitle } from "../state/job-columns.ts";
import { sortTitle } from "../state/lists.ts";
import { type Model, viewOf, readOnlyOf } from "../state/model.ts";
import { cut, harmless, lettersOf, widthOf } from "../draw/text.ts";

/** The keys that the last line shows for the current screen. Help and quit always follow. */
const shownCommands: Readonly<Record<string, readonly Command[]>> = {
  postings: ["open", "filter", "sort", "mark", "pause", "resume", "retry", "cancel"],
  pools: ["open", "filter", "sort", "mark", "drain"],
  failures: ["open", "filter", "sort", "mark", "retry"],
  metrics: ["back", "refresh"],
  schedules: ["back", "down", "refresh"],
  jobs: ["open", "back", "onlyFailed", "filter", "sort", "retry", "pause", "cancel", "copy"],
  job: ["back", "follow", "copy", "down"],
  pool: ["back", "down"],
};

/** One line: a question, the filter being typed, or the last message and the keys. */
export function footerLines(model: Model): Line[] {
  const { prompt, size } = model;
  if (prompt?.kind === "confirm") return wrapped(`${prompt.question} y/n`, size.columns);
  if (prompt?.kind === "filter") {
    const last = lettersOf(prompt.text).slice(-Math.max(1, size.columns - 3));
    const text = cut(last.join(""), size.columns - 2);
    return [line({ text: "/", tone: "key" }, text, { text: " ", tone: "bar" })];
  }
  const message = messageSpans(model);
  const left = size.columns - message.reduce((sum, { text }) => sum + widthOf(text), 0);
  return [{ spans: [...message, ...keySpans(model, left)] }];
}

function messageSpans(model: Model): Span[] {
  const { outcome } = model;
  if (model.isActing) return [{ text: "working  ", tone: "busy" }];
  if (outcome) return [{ text: `${harmless(outcome.text)}  `, tone: outcome.tone }];
  const view = viewOf(model);
  if (view.kind === "jobs") {
    const { words, sortedBy, isReversed } = view;
    return orderSpans(jobOrderTitle(sortedBy), "job", { filter: words, isReversed });
  }
  if (view.kind !== "overview") return [];
  const list = model.lists[model.pane];
  const spans = orderSpans(sortTitle(model, model.pane), "newest", list);
  if (list.marked.size > 0) spans.push({ text: `${list.marked.size} marked  `, tone: "warn" });
  return spans;
}

/** The order and the filter of a list, unless these are the usual ones. */
function orderSpans(
  sort: string | null,
  usual: string,
  { filter, isReversed }: { filter: string; isReversed: boolean },
): Span[] {
  const spans: Span[] = [];
  if (sort !== null || isReversed) {
    spans.push({ text: `sort: ${sort ?? usual}${isReversed ? " reversed" : ""}  `, tone: "busy" });
  }
  if (filter !== "") spans.push({ text: `filter: ${harmless(filter)}  `, tone: "warn" });
  return spans;
}

/** The keys in a fixed order. If not all fit, help and quit are kept. */
function keySpans(model: Model, columns: number): Span[] {
  const view = viewOf(model);
  const commands = shownCommands[view.kind === "overview" ? model.pane : view.kind] ?? [];
  const readOnly = readOnlyOf(model);
  const hints = (wanted: readonly Command[]) =>
    wanted.flatMap((command) => {
      const binding = bindings.find((each) => each.command === command);
      return binding && !(binding.isChange && readOnly !== null) ? [hintSpans(binding)] : [];
    });
  const widthOfHint = (spans: readonly Span[]) =>
    spans.reduce((sum, { text }) => sum + widthOf(text), 0);
  let left = columns;
  const fitted = (all: readonly Span[][]) =>
    all.filter((spans) => {
      const width = widthOfHint(spans);
      if (width > left) return false;
      left -= width;
      return true;
    });
  const always = fitted(hints(["quit", "help"])).toReversed();
  return [...fitted(hints(commands)), ...always].flat();
}

const hintSpans = ({ keys, hint, command }: Binding): Span[] => [
  { text: keyName(keys[0] ?? ""), tone: "key" },
  { text: ` ${hint ?? command}  `, tone: "dim" },
];

/** In several lines if one is too short: the whole question must be seen, with its number. */
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
