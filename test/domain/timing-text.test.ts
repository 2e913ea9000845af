import { expect, test } from "bun:test";

import { timingText } from "../../src/domain/timing-text.ts";

test.each([
  ["0 2 * * *", "every day at 02:00"],
  ["@daily", "every day at 00:00"],
  ["@hourly", "every hour at :00"],
  ["*/15 * * * *", "every 15 minutes"],
  ["* * * * *", "every minute"],
  ["every 90m", "every 90 minutes"],
  ["every 1h", "every hour"],
  ["30 6 * * mon-fri", "every weekday at 06:30"],
  ["30 6 * * 7", "every Sunday at 06:30"],
  ["30 6 * * tue", "every Tuesday at 06:30"],
  ["0 6 L * *", "on the last day of each month at 06:00"],
  ["0 6 13 * *", "on day 13 of each month at 06:00"],
])("%s is %s", (timing, words) => expect(timingText(timing)).toBe(words));

test.each(["0 6 13 * +5", "0 6 * * 5#2", "0,30 6 * * *", "0 6 * 5 *", "nonsense", "every"])(
  "%s stays as it is",
  (timing) => expect(timingText(timing)).toBeNull(),
);
