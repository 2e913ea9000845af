import { bindingOf, type Command } from "./keys.ts";
import { type Model, type Step, viewOf } from "./model.ts";
import { just, withJobs } from "./moving.ts";
import { withList } from "./with-list.ts";
import { harmless, lettersOf } from "../draw/text.ts";

const longestFilter = 200;

/** The number of lines by which the help moves. Any other key closes it. */
const helpSteps: ReadonlyMap<Command, number> = new Map([
  ["up", -1],
  ["down", 1],
  ["pageUp", -10],
  ["pageDown", 10],
  ["first", -1e6],
  ["last", 1e6],
]);

/** Handles a key while a prompt is open. */
export function promptKey(model: Model, key: string): Step {
  const { prompt } = model;
  switch (prompt?.kind) {
    case undefined:
      return { model, effects: [] };
    case "help": {
      const move = bindingOf(key)?.command;
      const step = helpSteps.get(move ?? "back");
      if (step === undefined) return { model: { ...model, prompt: null }, effects: [] };
      const top = Math.max(0, Math.min(200, prompt.top + step));
      return { model: { ...model, prompt: { kind: "help", top } }, effects: [] };
    }
    case "confirm": {
      const isYes = key === "y" || key === "Y";
      const outcome = { text: "Nothing was changed.", tone: "dim" } as const;
      if (!isYes) return { model: { ...model, prompt: null, outcome }, effects: [] };
      const { action } = prompt;
      return {
        model: { ...model, prompt: null, isActing: true, outcome: null },
        effects: [{ kind: "act", action }],
      };
    }
    case "filter":
      return filterKey(model, prompt, key);
  }
}

function filterKey(model: Model, prompt: { text: string; before: string }, key: string): Step {
  const { text, before } = prompt;
  switch (key) {
    case "enter":
      return just({ ...model, prompt: null });
    case "escape":
      return withFilter({ ...model, prompt: null }, before);
    case "backspace":
      return typed(model, lettersOf(text).slice(0, -1).join(""), before);
    case "C-u":
      return typed(model, "", before);
    case "C-w":
      return typed(model, text.replace(/\S*\s*$/, ""), before);
    case "space":
      return typed(model, `${text} `, before);
    default:
      return lettersOf(key).length === 1 ? typed(model, text + key, before) : just(model);
  }
}

/** Pasted text goes into a filter; it never acts as keys. */
export function promptPaste(model: Model, text: string): Step {
  if (model.prompt?.kind !== "filter") return just(model);
  const { text: typedSoFar, before } = model.prompt;
  return typed(model, typedSoFar + harmless(text.replace(/\s+/g, " ")), before);
}

function typed(model: Model, text: string, before: string): Step {
  const short = text.slice(0, longestFilter);
  return withFilter({ ...model, prompt: { kind: "filter", text: short, before } }, short);
}

/** Filters the list in front, or the jobs of the posting that is open. */
function withFilter(model: Model, filter: string): Step {
  const view = viewOf(model);
  if (view.kind !== "jobs") return just(withList(model, { filter, row: 0 }));
  return filter === view.words ? just(model) : withJobs(model, view, { words: filter });
}
