import type { NotificationHealth } from "../../db/admin/notification-health.ts";
import { advice, type Finding, problem } from "./finding.ts";

/** At most as many postings are named in a command. */
const namedMax = 5;

/**
 * Notifications of the last 7 days that were not sent and never will be, each with a remedy. They
 * are a problem until the receiver gets one again.
 */
export const notificationFindings = ({ failingReceivers }: NotificationHealth): Finding[] =>
  failingReceivers.flatMap(({ receiver, failed, dropped, lastError, isSentSince }) => {
    const kind = isSentSince ? advice : problem;
    const since = isSentSince ? "; later ones were sent" : "";
    const why = lastError === null ? "" : `; the last error: ${lastError}`;
    const test = `test it on the machine of its pool: pdoflow notify test ${receiver}; then `;
    const found: (Finding | false)[] = [
      failed.length > 0 &&
        kind(
          "notifications",
          `${notifications(failed.length)} to the receiver ${receiver} failed for ` +
            `good in the last 7 days${since}${why}`,
          `${isSentSince ? "" : test}${retryHint(failed)}`,
        ),
      dropped > 0 &&
        kind(
          "notifications",
          `${notifications(dropped)} to the receiver ${receiver} expired in the last ` +
            `7 days, because no pool sent ${dropped === 1 ? "it" : "them"} in time${since}`,
          "start a pool with the folder of the receiver: pdoflow pool --notify-from FOLDER",
        ),
    ];
    return found.filter((each) => each !== false);
  });

const notifications = (count: number): string =>
  count === 1 ? "1 notification" : `${count} notifications`;

function retryHint(postings: readonly number[]): string {
  const which =
    postings.length === 1 ? "it" : postings.length <= namedMax ? "them" : "the newest ones";
  return `send ${which} again: pdoflow retry ${postings.slice(0, namedMax).join(" ")} --failed`;
}
