import { Command, Option } from "clipanion";
import * as v from "valibot";

import type { Db } from "../../db/connection/connect.ts";
import {
  cancelPostings,
  type LimitRow,
  pausePostings,
  resumePostings,
  setLimits,
  setPriority,
} from "../../db/engine/control.ts";
import { readPriorities } from "../../db/read/lists.ts";
import { outputSchemas } from "../output/output-schemas.ts";
import { exitCodes, InvalidInput } from "../../domain/errors.ts";
import { parse } from "../../domain/parse.ts";
import { rateText } from "../../domain/rate.ts";
import { pluralize } from "../output/pluralize.ts";
import { PdoflowCommand } from "../shell/command.ts";
import { describeCancel, PostingsCommand } from "./control.ts";
import { pythonParity } from "../shell/reference.ts";
import { wholeNumber } from "../shell/flag-values.ts";
import { limitFlags, limitsText, parseLimits } from "../input/limit-flags.ts";
import { findPostingsToChange, readSelectors } from "../input/select.ts";
import { liveStates, orList } from "../../domain/states.ts";

export class SetLimitCommand extends PdoflowCommand {
  static override paths = [["set-limit"]];
  static override usage = Command.Usage({
    description: "change the limits of a posting: its running jobs, rate, failures and attempts",
    details: `
      The limits apply from the next claim on; jobs that pools have already claimed are not
      affected. \`none\` removes a limit. A limit that you do not name is unchanged. A signed
      posting keeps its max attempts, backoff and timeout.
    `,
    examples: [
      ["Run at most 4 jobs at the same time", "$0 set-limit 42 --max-running 4"],
      ["Remove the limit", "$0 set-limit 42 --max-running none"],
      [
        "Give each attempt more time, and do not stop",
        "$0 set-limit 42 --timeout 1h --stop-after 0",
      ],
    ],
  });
  postings = Option.Rest({ name: "posting" });
  state = Option.String("--state", {
    description: `only postings in this state: ${orList(liveStates)}`,
  });

  constructor() {
    super();
    Object.assign(this, limitFlags());
  }

  async run() {
    const limits = parseLimits(this);
    if (limits === null) {
      throw new InvalidInput("options", [
        "expected a limit such as --max-running, --max-rate, --stop-after or --timeout",
      ]);
    }
    const words = this.postings;
    const named = { words, selectors: await readSelectors(words, this.context.stdin) };
    return await this.withDatabase(async (db) => {
      const ids = await findPostingsToChange(db, named, this.state);
      const rows = await setLimits(db, ids, limits);
      if (this.json) this.#printJson(rows);
      else {
        for (const row of rows) this.say(`posting ${row.id}: ${limitsText(row)}`);
        const others = ids.filter((id) => !rows.some((one) => one.id === id));
        for (const id of others) this.say(`posting ${id} is cancelled: not changed`);
      }
      return exitCodes.ok;
    });
  }

  #printJson(rows: readonly LimitRow[]): void {
    const postings = rows.map(({ rateCount, rateMs, ...row }) => ({
      ...row,
      maxRate: rateText(rateCount, rateMs),
    }));
    this.printJson(outputSchemas["set-limit"], { postings });
  }
}

export class SetPriorityCommand extends PostingsCommand {
  static override paths = [["set-priority"]];
  static override usage = Command.Usage({
    description: "change the priority of postings",
    details: `
      Applies to all waiting and retrying jobs of a posting and replaces the priorities of single
      jobs. Jobs that pools have already claimed are not affected.
    `,
    examples: [
      ["Run a posting before all others", "$0 set-priority 42 100"],
      [
        "Run all open postings after new ones, from a script",
        "$0 set-priority --state open -1 --yes",
      ],
    ],
  });
  to = Option.String({ name: "priority" });
  yes = Option.Boolean("--yes", false, {
    description: "change several postings without asking for confirmation",
  });
  readonly schema = outputSchemas["set-priority"];

  get did() {
    return `given priority ${this.to}`;
  }

  async change(db: Db, ids: number[]) {
    const priority = parse(wholeNumber(-(2 ** 31), 2 ** 31 - 1), this.to, "priority");
    if (ids.length > 1) {
      await this.confirm(`give ${pluralize(ids.length, "posting")} priority ${priority}`, this.yes);
    }
    return await setPriority(db, ids, priority);
  }
}

const Status = v.picklist(
  ["open", "executing", "paused", "errored_out", "cancelled"],
  "expected open, paused, errored_out or cancelled as the last word",
);

export class SetPostingStatusCommand extends PostingsCommand {
  static override paths = [["set-posting-status"]];
  static override usage = Command.Usage({
    category: pythonParity,
    description: "set the state of postings: open, paused, errored_out or cancelled",
    details: `
      Does the same as \`$0 resume\`, \`$0 pause\` and \`$0 cancel\`, for scripts that have the
      state in a variable. \`executing\` means open.
    `,
    examples: [["Pause a posting", "$0 set-posting-status 42 paused"]],
  });
  to = Option.String({ name: "status" });
  reason = Option.String("--reason", { description: "the reason, shown by status" });
  yes = Option.Boolean("--yes", false, {
    description: "cancel several postings without asking for confirmation",
  });
  readonly schema = outputSchemas["set-posting-status"];

  get did() {
    return `set to ${this.to}`;
  }

  async change(db: Db, ids: number[]) {
    const reason = this.reason ?? "set by hand";
    const to = parse(Status, this.to, "status");
    switch (to) {
      case "open":
      case "executing":
        return await resumePostings(db, ids);
      case "paused":
      case "errored_out":
        return await pausePostings(db, ids, to, reason);
      case "cancelled":
        if (ids.length > 1) await this.confirm(await describeCancel(db, ids), this.yes);
        return await cancelPostings(db, ids, { killsRunning: true, reason });
    }
  }
}

export class PriorityStatsCommand extends PdoflowCommand {
  static override paths = [["priority-stats"]];
  static override usage = Command.Usage({
    category: pythonParity,
    description: "show the number of waiting jobs at each priority",
    details: "Counts the waiting jobs of open postings, highest priority first.",
  });

  async run() {
    return await this.withDatabase(async (db) => {
      const priorities = await readPriorities(db);
      if (this.json) this.printJson(outputSchemas["priority-stats"], { priorities });
      else {
        this.printTable(
          ["priority", "postings", "waiting"],
          priorities.map(({ priority, postings, waiting }) => [
            String(priority),
            postings,
            waiting,
          ]),
        );
      }
      return exitCodes.ok;
    });
  }
}
