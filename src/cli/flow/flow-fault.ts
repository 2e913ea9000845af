import { exitCodes, PdoflowError } from "../../domain/errors.ts";

/** A problem in a flow file, and the keys that lead to it. */
export interface FileProblem {
  path: readonly string[];
  text: string;
}

/** Notes a problem. */
export type AddProblem = (path: readonly string[], text: string) => void;

/** A flow file is wrong. Its message has a line for each problem, with the line of the file. */
export class FlowFileInvalid extends PdoflowError {
  override readonly name = "FlowFileInvalid";
  readonly exitCode = exitCodes.usage;
  constructor(problems: readonly string[]) {
    super(`${problems.join("\n")}\nNothing was posted.`);
  }
}
