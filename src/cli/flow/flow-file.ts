import * as v from "valibot";

import { isCodeFile } from "../../domain/entry-point.ts";
import { cycleOf, type FlowNode, topological } from "../../domain/flow-graph.ts";
import { Receivers } from "../../domain/option-values.ts";
import { postingNamePattern } from "../../domain/selector.ts";
import { didYouMean, similarNames } from "../../domain/similar.ts";
import { type AddProblem, FlowFileInvalid, type FileProblem } from "./flow-fault.ts";
import { type FlowSettings, substituted } from "./flow-settings.ts";
import { found, optionWords, type StageOption, stageOptions } from "./stage-options.ts";
import { type Reference, referenceOf } from "./stage-reference.ts";

/** A flow as a file describes it. */
export interface FlowFile {
  /** The name of the file, for messages. */
  source: string;
  name: string;
  key: string | null;
  /** The receivers to notify when nothing of it goes on … */
  onEnd: string | null;
  /** … and only if it has failed. */
  onFailure: string | null;
  /** In topological order. */
  stages: readonly FileStage[];
  /** The place of a key in the file, such as `night.toml:12`. */
  placeOf: (path: readonly string[]) => string;
}

/** A stage as a file describes it. */
export interface FileStage extends FlowNode {
  /** The entry point; or the words of a command. */
  run: string | readonly string[];
  /** Files with arguments. */
  files: readonly string[];
  /** By name of the option: its words on a command line. References are not among them. */
  options: ReadonlyMap<string, readonly string[]>;
  references: readonly Reference[];
}

/** A parsed file: its values, and the place of each key. */
export interface FlowDocument {
  source: string;
  values: unknown;
  placeOf: (path: readonly string[]) => string;
}

const knownKeys = ["name", "key", "set", "on-end", "on-failure", "stage"];

/**
 * Reads the flow that a document describes.
 *
 * @throws {FlowFileInvalid} with all problems, each with its line.
 */
export function flowOf(
  { source, values, placeOf }: FlowDocument,
  settings: FlowSettings,
): FlowFile {
  const problems: FileProblem[] = [];
  const add = (path: readonly string[], text: string) => void problems.push({ path, text });
  const document = tableOf(substituted(values, settings, add), [], add);
  for (const key of Object.keys(document)) {
    if (!knownKeys.includes(key)) add([key], unknownKey(key, knownKeys));
  }
  const name = document["name"];
  if (typeof name !== "string" || !postingNamePattern.test(name)) {
    const what = name === undefined ? "nothing" : found(name);
    add(["name"], `name: expected letters, digits and _.:+-, a letter first, found ${what}`);
  }
  const key = document["key"] ?? null;
  const isKey = key === null || (typeof key === "string" && /^[^]{1,500}$/.test(key));
  if (!isKey) add(["key"], `key: expected a text of 1 to 500 characters, found ${found(key)}`);
  const onEnd = receiversOf(document, "on-end", add);
  const onFailure = receiversOf(document, "on-failure", add);
  const tables = tableOf(document["stage"] ?? {}, ["stage"], add);
  const names = Object.keys(tables);
  if (names.length === 0) add([], "expected at least one stage, such as [stage.reduce]");
  const options = stageOptions();
  const stages = names.map((name) => stageOf(name, tables[name], { names, options, add }));
  checkGraph(stages, add);
  if (problems.length > 0) throw invalid(problems, placeOf);
  return {
    ...{ source, name: String(name), key: typeof key === "string" ? key : null },
    ...{ onEnd, onFailure, stages: topological(stages), placeOf },
  };
}

/** Names of receivers: one text, or a list. */
function receiversOf(document: object, key: string, add: AddProblem): string | null {
  const value: unknown = new Map(Object.entries(document)).get(key);
  if (value === undefined) return null;
  const result = v.safeParse(Receivers, Array.isArray(value) ? value.join(",") : value);
  if (result.success) return result.output;
  add([key], `${key}: ${result.issues[0].message}, found ${found(value)}`);
  return null;
}

/** The problems in the order of the file. */
function invalid(problems: readonly FileProblem[], placeOf: FlowFile["placeOf"]) {
  const placed = problems.map(({ path, text }) => ({ place: placeOf(path), text }));
  const line = ({ place }: { place: string }) => Number(/:(\d+)$/.exec(place)?.[1] ?? 0);
  placed.sort((a, b) => line(a) - line(b));
  return new FlowFileInvalid(placed.map(({ place, text }) => `${place}: ${text}`));
}

function tableOf(
  value: unknown,
  path: readonly string[],
  add: AddProblem,
): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value));
  }
  add(path, `${path.join(".") || "the file"}: expected a table, found ${found(value)}`);
  return {};
}

/** Names that no selector of postings can mean. */
const stagePattern = /^[\p{L}_][\p{L}\p{N}_-]{0,39}$/u;

interface StageReading {
  names: readonly string[];
  options: ReadonlyMap<string, StageOption>;
  add: AddProblem;
}

function stageOf(name: string, value: unknown, { names, options, add }: StageReading): FileStage {
  const at = ["stage", name];
  const table = tableOf(value, at, add);
  if (!stagePattern.test(name) || name === "last") {
    const rule = "up to 40 letters, digits, _ and -, a letter first, other than last";
    add(at, `expected a name of a stage of ${rule}, found "${name}"`);
  }
  const given = new Map<string, readonly string[]>();
  const references: Reference[] = [];
  for (const [key, value] of Object.entries(table)) {
    const path = [...at, key];
    const option = options.get(key);
    if (key === "run" || key === "file") continue;
    if (option === undefined) {
      add(path, unknownKey(key, ["run", "file", ...options.keys()]));
    } else if (option.isReference) {
      const values = [value].flat();
      if (!option.isList && values.length !== 1) add(path, `${key}: expected one stage`);
      for (const each of values) {
        const reference = referenceOf(key, each, names);
        if (typeof reference === "string") add(path, `${key}: ${reference}`);
        else references.push(reference);
      }
    } else {
      const words = optionWords(option, value);
      if (typeof words === "string") add(path, `${key}: ${words}`);
      else given.set(key, words);
    }
  }
  const files = textsOf(table["file"] ?? [], [...at, "file"], add);
  if (files.includes("-")) add([...at, "file"], "file: expected a file, found standard input");
  return {
    ...{ name, references, files, options: given, run: runOf(table["run"], at, add) },
    upstreams: references.flatMap(({ stage, option }) =>
      stage === null ? [] : [{ stage, kind: option }],
    ),
  };
}

function runOf(value: unknown, at: readonly string[], add: AddProblem): FileStage["run"] {
  const path = [...at, "run"];
  if (typeof value === "string" && (value.includes("#") || isCodeFile(value))) return value;
  if (typeof value === "string") {
    const words = value.split(/\s+/).map((word) => JSON.stringify(word));
    add(
      path,
      `run: expected an entry point such as fit.ts#fit, found ${JSON.stringify(value)}. Write a ` +
        `command as a list of words: run = [${words.join(", ")}]`,
    );
    return "";
  }
  if (value === undefined) {
    add(at, 'expected run = "file.ts#name", the function of this stage');
    return "";
  }
  const words = textsOf(value, path, add);
  if (words.length === 0) add(path, "run: expected an entry point, or the words of a command");
  return words;
}

function textsOf(value: unknown, path: readonly string[], add: AddProblem): string[] {
  const texts: unknown[] = Array.isArray(value) ? value : [value];
  return texts.flatMap((text) => {
    if (typeof text === "string") return [text];
    add(path, `${path.at(-1)}: expected a text or a list of texts, found ${found(text)}`);
    return [];
  });
}

function checkGraph(stages: readonly FileStage[], add: AddProblem): void {
  const cycle = cycleOf(stages);
  const [first] = cycle ?? [];
  if (cycle === null || first === undefined) return;
  const link = stages.find(({ name }) => name === first)?.upstreams[0];
  add(
    ["stage", first, link?.kind ?? "run"],
    "expected stages that wait for earlier ones, found a cycle: " +
      [...cycle, first].join(" waits for "),
  );
}

function unknownKey(key: string, known: readonly string[]): string {
  const like = didYouMean(similarNames(key, known));
  const all = known.length <= 8 ? ` Expected one of ${known.join(", ")}.` : "";
  const remedy = like === "" ? all || " List options with: pdoflow post --help-all" : like;
  return `unknown key "${key}".${remedy}`;
}
