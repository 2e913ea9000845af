import { resolve } from "node:path";

import { isCodeFile, parseEntryPoint } from "../../domain/entry-point.ts";
import { exitCodes, InvalidInput, PdoflowError } from "../../domain/errors.ts";
import { describeFlow } from "../../pool/worker/describe-flow.ts";
import { entryText } from "../input/entry-word.ts";
import type { CliContext } from "../shell/context.ts";
import { FlowFileInvalid } from "./flow-fault.ts";
import { type FlowFile, flowOf } from "./flow-file.ts";
import type { FlowSettings } from "./flow-settings.ts";
import { parseToml } from "../../pool/notify/toml-lines.ts";

/** The flow file does not exist. */
class FlowFileNotFound extends PdoflowError {
  override readonly name = "FlowFileNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(name: string) {
    super(`there is no file "${name}". Nothing was posted.`);
  }
}

/**
 * Reads a flow file: TOML, or a module whose default export, or the one after `#`, is a function
 * that returns the same as an object.
 *
 * @throws {FlowFileNotFound} {FlowFileInvalid} {FlowNotDescribed} {InvalidInput}
 */
export async function readFlowFile(
  name: string,
  settings: FlowSettings,
  context: CliContext,
): Promise<FlowFile> {
  const [file = ""] = name.split("#");
  if (isCodeFile(file)) return await programFlow(name, settings, context);
  if (!name.endsWith(".toml")) {
    throw new InvalidInput(name, ["expected a flow file such as night.toml or night.ts"]);
  }
  const text = await Bun.file(resolve(context.cwd, name))
    .text()
    .catch(() => {
      throw new FlowFileNotFound(name);
    });
  const document = parseToml(text);
  if ("problem" in document) {
    throw new FlowFileInvalid([`${name}:${document.line}: ${document.problem}`]);
  }
  const placeOf = (path: readonly string[]) => `${name}:${document.lineOf(path)}`;
  return flowOf({ source: name, values: document.values, placeOf }, settings);
}

/** The flow that a function describes, which takes the settings. */
async function programFlow(
  name: string,
  settings: FlowSettings,
  { cwd, program, env }: CliContext,
): Promise<FlowFile> {
  const entryPoint = parseEntryPoint(entryText(name, { cwd, root: cwd }));
  const values = await describeFlow(program, env, {
    ...{ root: cwd, entryPoint },
    settings: Object.fromEntries(settings),
  });
  const placeOf = (path: readonly string[]) => [name, ...path.slice(0, 3)].join(" ");
  return flowOf({ source: name, values, placeOf }, new Map());
}
