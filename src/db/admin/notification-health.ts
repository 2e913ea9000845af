import { notificationEntryPoint } from "../../domain/notification.ts";
import type { Db } from "../connection/connect.ts";

/** The facts about notifications that doctor checks. */
export interface NotificationHealth {
  /** Receivers of which notifications of the last 7 days were not sent and never will be. */
  failingReceivers: readonly {
    receiver: string;
    /** The postings of the ones that failed for good, the newest first. */
    failed: readonly number[];
    /** How many were cancelled by the queue, because no pool sent them by their deadline. */
    dropped: number;
    /** The error of the newest one that failed; null if this role cannot read it. */
    lastError: string | null;
    /** Whether a notification was sent after the newest one that was not. */
    isSentSince: boolean;
  }[];
}

export const noNotifications: NotificationHealth = { failingReceivers: [] };

/**
 * Reads the newest 1,000 notifications of each receiver. The routes have the names of the
 * receivers, so this reads no other postings.
 */
export async function readNotificationHealth({ sql, schema }: Db): Promise<NotificationHealth> {
  const failingReceivers = await sql<NotificationHealth["failingReceivers"][number][]>`
    select r.receiver, l.failed, l.dropped, l.last_lost < l.last_sent is true as is_sent_since,
           (select left(message, 200) from ${schema}.failure
            where posting_id = (l.failed ->> 0)::bigint and message is not null
            order by last_at desc nulls last limit 1) as last_error
    from (
      select distinct substr(needs -> 0 ->> 0, 8) as receiver from ${schema}.route
      where needs -> 0 ->> 0 like 'notify.%') r
      cross join lateral (
        select coalesce(
                 json_agg(id order by ended_at desc, id desc) filter (where failed > 0), '[]'
               ) as failed,
               count(*) filter (where gave_up)::integer as dropped,
               max(ended_at) filter (where failed > 0 or gave_up) as last_lost,
               max(ended_at) filter (where done > 0) as last_sent
        from (
          select id, entry_point, ended_at, done, failed, gave_up from ${schema}.posting
          where name = 'notify-' || r.receiver order by id desc limit 1000) n
        where entry_point = ${notificationEntryPoint} and ended_at > now() - interval '7 days') l
    where l.last_lost is not null
    order by r.receiver limit 100`;
  return { failingReceivers: [...failingReceivers] };
}
