import type { Db } from "../../db/connection/connect.ts";
import { beginFlow, transactionDb } from "../../db/posting/flow.ts";
import { openSpanBy } from "../../db/posting/insert.ts";
import { addFlowSchedule, type NewSchedule } from "../../db/posting/schedules.ts";
import { type ExitCode, exitCodes, InvalidInput } from "../../domain/errors.ts";
import type { FlowFile } from "../flow/flow-file.ts";
import { FlowPostCommand } from "../flow/post-flow.ts";
import { postStages } from "../flow/post-stages.ts";
import { RecordedFlow } from "../flow/recorded-flow.ts";

/** Ends the transaction without posting. */
class TakenBack extends Error {
  override readonly name = "TakenBack";
}

/** `flow post` behind `schedule add`: keeps its stages in a schedule instead of posting them. */
export class ScheduledFlow extends FlowPostCommand {
  schedule: NewSchedule | null = null;

  override async run(): Promise<ExitCode> {
    if (this.dryRun) return await super.run();
    const { schedule } = this;
    if (!schedule) throw new Error("expected a schedule");
    const flow = await this.readFlow(this.file);
    if ((this.key ?? flow.key) !== null) {
      throw new InvalidInput("key", [
        "expected none: each time of a schedule has a key of its own",
      ]);
    }
    const osUser = this.context.osUser();
    await this.withDatabase(async (db) => {
      await openSpanBy(db); // not while the transaction holds what others wait for
      await addFlowSchedule(db, schedule, { flow: await this.#record(db, flow), osUser });
    });
    return exitCodes.ok;
  }

  /** The flow as it is posted: posts it, with all checks, and takes that back. */
  async #record(db: Db, flow: FlowFile): Promise<string> {
    const recorded = new RecordedFlow();
    const named = { name: flow.name, ...this.receivers(flow) };
    let text = "";
    const osUser = this.context.osUser();
    const posting = db.sql.begin(async (sql) => {
      const flowDb = transactionDb(db, sql);
      const { flowId } = await beginFlow(flowDb, { ...named, osUser });
      const { spec } = await postStages(flowDb, flow, {
        ...{ flowId, context: this.context, kept: new Map(), recorded },
        note: (text: string) => this.say(text),
      });
      text = recorded.textOf({ ...named, spec });
      throw new TakenBack();
    });
    await posting.catch((error: unknown) => {
      if (!(error instanceof TakenBack)) throw error;
    });
    return text;
  }

  /** Nothing is posted, so there is no number to print. */
  override print(): void {}
}
