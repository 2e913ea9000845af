import { Command, Option } from "clipanion";

import { readJobFacts } from "../db/explain.ts";
import { exitCodes, InvalidInput, PdoflowError } from "../domain/errors.ts";
import { explainJob } from "../domain/explain.ts";
import { PdoflowCommand } from "./command.ts";

/** A job was named that does not exist. */
class JobNotFound extends PdoflowError {
  override readonly name = "JobNotFound";
  readonly exitCode = exitCodes.notFound;
}

export class ExplainCommand extends PdoflowCommand {
  static override paths = [["explain"]];
  static override usage = Command.Usage({
    description: "say in one sentence why a job is not running, or how it ended",
    examples: [["The eighth job of posting 42", "$0 explain 42/7"]],
  });
  job = Option.String({ name: "posting/index" });

  async run() {
    const [, posting, index] = /^(\d{1,15})\/(\d{1,10})$/.exec(this.job) ?? [];
    if (posting === undefined || index === undefined) {
      throw new InvalidInput("job", [`expected a job such as 42/7, found "${this.job}"`]);
    }
    return await this.withDatabase(async (db) => {
      const facts = await readJobFacts(db, Number(posting), Number(index));
      if (!facts) throw new JobNotFound(`there is no job ${this.job}`);
      this.print(explainJob(facts));
      return exitCodes.ok;
    });
  }
}
