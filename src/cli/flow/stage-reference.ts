import { messageOf } from "../../domain/errors.ts";
import { parseSelector } from "../../domain/selector.ts";
import { didYouMean, similarNames } from "../../domain/similar.ts";

/** What a stage waits for: another stage, or a posting that exists. */
export interface Reference {
  /** The option of `post` without dashes. */
  option: string;
  /** Null for a posting outside of the flow. */
  stage: string | null;
  /** As it is in the file. */
  text: string;
  /** The word on the command line of `post`; `idOf` returns the posting of a stage. */
  word: (idOf: (stage: string) => number) => string;
}

/** The reference of an option's value; a sentence if there is no such stage. */
export function referenceOf(
  option: string,
  value: unknown,
  stages: readonly string[],
): Reference | string {
  if (typeof value !== "string" && typeof value !== "number") {
    return `expected the name of a stage, found ${JSON.stringify(value)}`;
  }
  const text = String(value);
  // `--after-start reduce+10m` waits longer.
  const [, stage = "", suffix = ""] = /^([^+]*)(\+.*)?$/s.exec(text) ?? [];
  if (stages.includes(stage)) {
    return { option, stage, text, word: (idOf) => `--${option}=${idOf(stage)}${suffix}` };
  }
  const isPosting = /^(\d|@|last\b)/.test(text);
  if (!isPosting) {
    const others = stages.length === 0 ? "" : ` The stages are ${stages.join(", ")}.`;
    const like = didYouMean(similarNames(stage, stages));
    return `there is no stage "${stage}".${like === "" ? others : like}`;
  }
  try {
    parseSelector(stage);
  } catch (error) {
    return messageOf(error);
  }
  return { option, stage: null, text, word: () => `--${option}=${text}` };
}
