import * as v from "valibot";

import { addSchedule, storedJobs } from "../../db/posting/schedules.ts";
import { osUser } from "../../db/settings/os-user.ts";
import { NothingToPost } from "../../domain/errors.ts";
import { givenOptions, laterOptions } from "../../domain/later-options.ts";
import { milliseconds, TimeLimit } from "../../domain/option-values.ts";
import { parse } from "../../domain/parse.ts";
import { type JobFunction, schemaOf } from "../../job/job-mark.ts";
import { projectOfPosting } from "../../pool/entry/project.ts";
import { connectionTo } from "../connection/connection.ts";
import { encodeJobs } from "../post/encode-jobs.ts";
import { entryPointText } from "../post/post.ts";
import type { Source } from "../post/source.ts";
import { Schedule, type ScheduleOptions } from "./schedule.ts";

const Options = v.strictObject({
  ...givenOptions(laterOptions.filter((name) => name !== "name")),
  name: v.string("expected a name"),
  timing: v.string('expected a time such as "0 2 * * *" or "every 90m"'),
  zone: v.optional(v.string("expected a time zone such as Europe/Berlin")),
  jitterMs: v.optional(v.number("expected a number of milliseconds")),
  overlap: v.optional(
    v.picklist(["skip", "queue", "allow", "cancel"], "expected skip, queue, allow or cancel"),
  ),
  missed: v.optional(v.picklist(["last", "none", "all"], "expected last, none or all")),
  until: v.optional(TimeLimit),
  deadline: v.optional(milliseconds(1)),
  startBy: v.optional(milliseconds(1)),
  root: v.optional(v.string("expected the path of a folder")),
  db: v.optional(v.string("expected the URL of a database")),
});

/** The implementation of `schedule`. */
export async function storeSchedule(
  fn: JobFunction | string,
  posargs: Source<readonly unknown[]>,
  options: ScheduleOptions,
): Promise<Schedule> {
  const parsed = parse(Options, options, "options of schedule");
  const { name, timing, zone, jitterMs, overlap, missed, until, root, db, ...own } = parsed;
  const folder = root ?? process.cwd();
  const entryPoint = await entryPointText(fn, folder);
  const schema = typeof fn === "string" ? undefined : schemaOf(fn);
  const args = await storedJobs(encodeJobs({ posargs, kwargs: [], priorities: undefined, schema }));
  if (args.length === 0) throw new NothingToPost("posargs");
  const connection = connectionTo(db);
  const { target } = connection;
  const option = options.project ?? undefined;
  const project = projectOfPosting({ option, env: process.env, root: folder, target }, entryPoint);
  await connection.use(({ posting }) =>
    addSchedule(posting, {
      ...{ name, timing, entryPoint, args },
      options: JSON.stringify({ ...own, project, osUser: osUser() }),
      settings: { zone, jitterMs, overlap, missed, until },
    }),
  );
  return new Schedule(name, { db });
}
