import { Command, Option } from "clipanion";

import {
  deleteVariable,
  readVariables,
  type Variable,
  writeVariable,
} from "../../db/read/variables.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { exitCodes, InvalidInput, PdoflowError } from "../../domain/errors.ts";
import { encodeValue } from "../../job/values.ts";
import { PdoflowCommand } from "../shell/command.ts";

/** The variable does not exist. */
class VariableNotFound extends PdoflowError {
  override readonly name = "VariableNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(name: string) {
    super(`there is no variable "${name}". List variables with: pdoflow vars list`);
  }
}

/** Prints variables as JSON, for `vars get` and `vars list`. */
abstract class VarsCommand extends PdoflowCommand {
  protected printVariables(variables: readonly Variable[]): void {
    this.printJson(outputSchemas.vars, {
      variables: variables.map(({ name, value, updatedAt }) => ({
        name,
        updatedAt,
        value: JSON.parse(value) as unknown,
      })),
    });
  }
}

export class VarsListCommand extends VarsCommand {
  static override paths = [["vars", "list"]];
  static override usage = Command.Usage({ description: "list the variables of this queue" });

  async run() {
    return await this.withDatabase(async (db) => {
      const variables = await readVariables(db, null);
      if (this.json) this.printVariables(variables);
      else {
        this.printTable(
          ["name", "value", "updated"],
          variables.map(({ name, value, updatedAt }) => [name, value, updatedAt.toISOString()]),
        );
      }
      return exitCodes.ok;
    });
  }
}

export class VarsGetCommand extends VarsCommand {
  static override paths = [["vars", "get"]];
  static override usage = Command.Usage({
    description: "print the value of a variable",
    details:
      "Prints text as it is and other values as JSON, with --json always JSON (docs/values.md).",
  });
  name = Option.String({ name: "name" });

  async run() {
    return await this.withDatabase(async (db) => {
      const [variable] = await readVariables(db, this.name);
      if (!variable) throw new VariableNotFound(this.name);
      const value: unknown = JSON.parse(variable.value);
      if (this.json) this.printVariables([variable]);
      else this.print(typeof value === "string" ? value : variable.value);
      return exitCodes.ok;
    });
  }
}

export class VarsSetCommand extends PdoflowCommand {
  static override paths = [["vars", "set"]];
  static override usage = Command.Usage({
    description: "set a variable, a value shared by all users of the queue",
    details: `
      A value that is valid JSON is stored as JSON: \`5\` as a number, \`{"a": 1}\` as an object.
      Any other value, or any value with --text, is stored as text.
    `,
    examples: [
      ["Set a number", "$0 vars set calibration 1.25"],
      ["Set text that looks like a number", "$0 vars set version 1.10 --text"],
    ],
  });
  name = Option.String({ name: "name" });
  value = Option.String({ name: "value" });
  text = Option.Boolean("--text", false, { description: "store the value as text" });

  async run() {
    if (this.name.trim() === "" || this.name.includes("\0")) {
      throw new InvalidInput("name", ["expected a name without NUL, found an empty name or a NUL"]);
    }
    const value = this.text ? this.value : jsonOrText(this.value);
    return await this.withDatabase(async (db) => {
      await writeVariable(db, this.name, encodeValue(value));
      if (this.json) this.printJson(outputSchemas["vars set"], { name: this.name });
      return exitCodes.ok;
    });
  }
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // not JSON
  }
}

export class VarsDeleteCommand extends PdoflowCommand {
  static override paths = [["vars", "delete"]];
  static override usage = Command.Usage({ description: "delete a variable" });
  name = Option.String({ name: "name" });

  async run() {
    return await this.withDatabase(async (db) => {
      if (!(await deleteVariable(db, this.name))) throw new VariableNotFound(this.name);
      if (this.json) this.printJson(outputSchemas["vars delete"], { name: this.name });
      return exitCodes.ok;
    });
  }
}
