// The status that readers see of each job: it must match the tables.
import type { Db } from "../../../src/db/connection/connect.ts";
import type { JobCounts } from "../../../src/domain/states.ts";
import { jobKey, type Place, type Queue } from "./queue.ts";

type Status = keyof JobCounts;

/** Jobs with another status in the view job_status, and failures that are shown or not. */
export async function wrongStatuses({ sql }: Db, queue: Queue): Promise<string[]> {
  const rows = await sql<{ postingId: number; seq: number; status: Status; isFailure: boolean }[]>`
    select s.posting_id, s.seq, s.status, f.seq is not null as is_failure
    from pdoflow.job_status s
      left join (pdoflow.posting p cross join lateral pdoflow.failed_jobs(p.id, 0, p.job_count) f)
        on p.id = s.posting_id and f.seq = s.seq`;
  return rows.flatMap((row) => {
    const place = queue.places.get(jobKey(row));
    const expected = place && statusAt(place);
    const told = [];
    if (row.status !== expected) told.push(`${jobKey(row)} is shown as ${row.status}`);
    if (row.isFailure !== (expected === "failed")) told.push(`${jobKey(row)} is in failed_jobs`);
    return told.map((what) => `${what}, and is ${JSON.stringify(place)}`);
  });
}

function statusAt(place: Place): Status {
  switch (place.at) {
    case "lane":
      return "waiting";
    case "retry":
      return place.attempt === 1 ? "waiting" : "retrying";
    case "lease":
      return "running";
    case "ended":
      return place.state === "retried" ? "retrying" : place.state;
    case "cancelled":
      return "cancelled";
  }
}
