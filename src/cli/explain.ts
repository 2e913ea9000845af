import { Command, Option } from "clipanion";

import { readJobFacts } from "../db/explain.ts";
import { documents } from "../domain/documents.ts";
import { exitCodes, InvalidInput, PdoflowError } from "../domain/errors.ts";
import { explainJob } from "../domain/explain.ts";
import { parseSelector } from "../domain/selector.ts";
import { PdoflowCommand } from "./command.ts";
import { findSelected } from "./select.ts";

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
    const selector = parseSelector(this.job);
    const [range] = selector.indices ?? [];
    if (!range || selector.indices?.length !== 1 || range.first !== range.last) {
      throw new InvalidInput("job", [`expected one job such as 42/7, found "${this.job}"`]);
    }
    return await this.withDatabase(async (db) => {
      const [posting] = await findSelected(db, [selector]);
      const facts = posting && (await readJobFacts(db, posting.id, range.first));
      if (!facts) throw new JobNotFound(`there is no job ${this.job}`);
      const { id: job, status } = facts;
      if (this.json) this.printJson(documents.explain, { job, status, why: explainJob(facts) });
      else this.print(explainJob(facts));
      return exitCodes.ok;
    });
  }
}
