import { Command, Option } from "clipanion";

import type { Db } from "../../db/connection/connect.ts";
import { readJobFacts, readPostingFacts } from "../../db/read/explain.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { waitsFor } from "../output/schema-parts.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { explainJob, explainPosting } from "../diagnosis/explain.ts";
import { postingNamePattern, type Selector } from "../../domain/selector.ts";
import { readFires } from "../../db/posting/schedules.ts";
import { readClock, readScheduleObstacle } from "../../db/read/schedules.ts";
import { explainSchedule } from "../diagnosis/explain-schedule.ts";
import { findSchedule } from "../schedule/schedule-named.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { JobNotFound, jobNamed } from "../input/job-named.ts";
import { findSelected, postingNotFound, readSelectors } from "../input/select.ts";

export class ExplainCommand extends PdoflowCommand {
  static override paths = [["explain"]];
  static override usage = Command.Usage({
    description: "explain why a posting, a job or a schedule does not run, or how it ended",
    details: "A name without @ is that of a schedule.",
    examples: [
      ["Explain a whole posting", "$0 explain 42"],
      ["Explain the eighth job of posting 42", "$0 explain 42/7"],
      ["Explain why a schedule posted nothing", "$0 explain nightly"],
    ],
  });
  subject = Option.String({ name: "posting, posting/index or schedule" });

  async run() {
    if (isScheduleName(this.subject)) return await this.#explainSchedule();
    const [selector, ...others] = await readSelectors([this.subject], this.context.stdin);
    if (!selector || others.length > 0) {
      const found = selector ? others.length + 1 : 0;
      throw new InvalidInput("standard input", [`expected one posting or job, found ${found}`]);
    }
    return await this.withDatabase(async (db) => {
      const { why, ...rest } = await (selector.indices === null
        ? explainWhole(db, selector)
        : explainOne(db, selector.text));
      if (this.json) this.printJson(outputSchemas.explain, { ...rest, why });
      else this.show(why);
      return exitCodes.ok;
    });
  }

  async #explainSchedule() {
    const found = await this.withDatabase(async (db) => {
      const hint = `; a posting would be 42, last or @${this.subject}`;
      const schedule = await findSchedule(db, this.subject, hint);
      const [last = null] = await readFires(db, this.subject, 1);
      const obstacle = await readScheduleObstacle(db, this.subject);
      return { schedule, last, obstacle, now: await readClock(db) };
    });
    const { last } = found;
    const why = explainSchedule(found);
    if (this.json) {
      this.printJson(outputSchemas.explain, {
        ...{ posting: last?.postingId ?? null, job: null, why, waitsFor: [] },
        status: found.schedule.isPaused ? "paused" : "open",
      });
    } else this.show(why);
    return exitCodes.ok;
  }
}

/** Selectors begin with a digit, @ or "last". */
const isScheduleName = (text: string) =>
  postingNamePattern.test(text) && !/^last(?![\p{L}\p{N}_])/u.test(text);

async function explainWhole(db: Db, selector: Selector) {
  const [selected, ...others] = await findSelected(db, [selector]);
  if (others.length > 0) {
    throw new InvalidInput(`selector "${selector.text}"`, [
      `expected one posting, found ${others.length + 1}`,
    ]);
  }
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
