import { Command, Option } from "clipanion";

import { readJobFacts } from "../../db/read/explain.ts";
import { documents } from "../output/output-schemas.ts";
import { exitCodes } from "../../domain/errors.ts";
import { explainJob } from "../../domain/explain.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { JobNotFound, jobNamed } from "../input/job-named.ts";
import { findSelected } from "../input/select.ts";

export class ExplainCommand extends PdoflowCommand {
  static override paths = [["explain"]];
  static override usage = Command.Usage({
    description: "say in one sentence why a job is not running, or how it ended",
    examples: [["The eighth job of posting 42", "$0 explain 42/7"]],
  });
  job = Option.String({ name: "posting/index" });

  async run() {
    const { selector, index } = jobNamed(this.job);
    return await this.withDatabase(async (db) => {
      const [posting] = await findSelected(db, [selector]);
      const facts = posting && (await readJobFacts(db, posting.id, index));
      if (!facts) throw new JobNotFound(this.job);
      const { id: job, status } = facts;
      if (this.json) this.printJson(documents.explain, { job, status, why: explainJob(facts) });
      else this.show(explainJob(facts));
      return exitCodes.ok;
    });
  }
}
