import { Command, Option } from "clipanion";

import type { Db } from "../../db/connection/connect.ts";
import { readJobFacts, readPostingFacts } from "../../db/read/explain.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { waitsFor } from "../output/schema-parts.ts";
import { exitCodes } from "../../domain/errors.ts";
import { explainJob, explainPosting } from "../diagnosis/explain.ts";
import { parseSelector, type Selector } from "../../domain/selector.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { JobNotFound, jobNamed } from "../input/job-named.ts";
import { findSelected, postingNotFound } from "../input/select.ts";

export class ExplainCommand extends PdoflowCommand {
  static override paths = [["explain"]];
  static override usage = Command.Usage({
    description: "explain why a posting or a job is not running, or how it ended",
    examples: [
      ["Explain a whole posting", "$0 explain 42"],
      ["Explain the eighth job of posting 42", "$0 explain 42/7"],
    ],
  });
  subject = Option.String({ name: "posting or posting/index" });

  async run() {
    const selector = parseSelector(this.subject);
    return await this.withDatabase(async (db) => {
      const { why, ...rest } = await (selector.indices === null
        ? explainWhole(db, selector)
        : explainOne(db, this.subject));
      if (this.json) this.printJson(outputSchemas.explain, { ...rest, why });
      else this.show(why);
      return exitCodes.ok;
    });
  }
}

async function explainWhole(db: Db, selector: Selector) {
  const [selected] = await findSelected(db, [selector]);
  const facts = selected && (await readPostingFacts(db, selected.id));
  if (!facts) throw postingNotFound(selector);
  const { id: posting, state: status } = facts.posting;
  return {
    ...{ posting, job: null, status, why: explainPosting(facts) },
    waitsFor: waitsFor(facts.edges),
  };
}

async function explainOne(db: Db, text: string) {
  const { selector, index } = jobNamed(text);
  const [selected] = await findSelected(db, [selector]);
  const facts = selected && (await readJobFacts(db, selected.id, index));
  if (!facts) throw new JobNotFound(text);
  const { id: job, status } = facts;
  return {
    ...{ posting: selected.id, job, status, why: explainJob(facts) },
    waitsFor: waitsFor(facts.edges),
  };
}
