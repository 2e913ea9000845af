import { Command, Option } from "clipanion";

import {
  deleteVariable,
  readVariables,
  type Variable,
  writeVariable,
} from "../../db/read/variables.ts";
import { documents } from "../output/output-schemas.ts";
import { exitCodes, InvalidInput, PdoflowError } from "../../domain/errors.ts";
import { encodeValue } from "../../job/values.ts";
import { PdoflowCommand } from "../shell/command.ts";

/** A variable was named that was not set. */
class VariableNotFound extends PdoflowError {
  override readonly name = "VariableNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(name: string) {
    super(`there is no variable "${name}". "pdoflow vars list" shows those that there are.`);
  }
}

/** What vars get and vars list print. */
abstract class VarsCommand extends PdoflowCommand {
  protected printVariables(variables: readonly Variable[]): void {
    this.printJson(documents.vars, {
      variables: variables.map(({ name, value, updatedAt }) => ({
        ...{ name, updatedAt },
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
    details: "Text as it is, all else as JSON; with --json always JSON (docs/values.md).",
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
    description: "set a variable: a value that people and programs share by the queue",
    details: `
      A value that is JSON is stored as what it says, \`5\` as a number, \`{"a": 1}\` as an object;
      all else as text, and with --text in any case.
    `,
    examples: [
      ["A number", "$0 vars set calibration 1.25"],
      ["Text that looks like a number", "$0 vars set version 1.10 --text"],
    ],
  });
  name = Option.String({ name: "name" });
  value = Option.String({ name: "value" });
  text = Option.Boolean("--text", false, { description: "the value is text" });

  async run() {
    if (this.name.trim() === "" || this.name.includes("\0")) {
      throw new InvalidInput("name", ["expected some characters, found none"]);
    }
    const value = this.text ? this.value : jsonOrText(this.value);
    return await this.withDatabase(async (db) => {
      await writeVariable(db, this.name, encodeValue(value));
      if (this.json) this.printJson(documents["vars set"], { name: this.name });
      return exitCodes.ok;
    });
  }
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // any text may be given
  }
}

export class VarsDeleteCommand extends PdoflowCommand {
  static override paths = [["vars", "delete"]];
  static override usage = Command.Usage({ description: "delete a variable" });
  name = Option.String({ name: "name" });

  async run() {
    return await this.withDatabase(async (db) => {
      if (!(await deleteVariable(db, this.name))) throw new VariableNotFound(this.name);
      if (this.json) this.printJson(documents["vars delete"], { name: this.name });
      return exitCodes.ok;
    });
  }
}
