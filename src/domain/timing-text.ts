const shortcuts: Readonly<Record<string, string>> = {
  "@hourly": "0 * * * *",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@weekly": "0 0 * * 0",
  "@monthly": "0 0 1 * *",
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
};
const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const units: Readonly<Record<string, string>> = {
  ...{ s: "second", m: "minute", h: "hour", d: "day", w: "week" },
};

/**
 * A common cron expression or interval in words, as in "every day at 02:00"; null for any other
 * one.
 */
export function timingText(timing: string): string | null {
  const [, every, unit = ""] = /^every +(\d+) ?([smhdw])$/i.exec(timing.trim()) ?? [];
  const word = units[unit.toLowerCase()];
  if (every !== undefined && word !== undefined) return eachText(Number(every), word);
  const text = shortcuts[timing.trim().toLowerCase()] ?? timing.trim();
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = text.split(/\s+/);
  const step = /^\*\/(\d+)$/.exec(minute)?.[1];
  const isEachDay = day === "*" && month === "*" && weekday === "*";
  if (isEachDay && hour === "*" && step !== undefined) return eachText(Number(step), "minute");
  if (isEachDay && hour === "*" && minute === "*") return "every minute";
  if (!/^\d{1,2}$/.test(minute)) return null;
  const past = minute.padStart(2, "0");
  if (isEachDay && hour === "*") return `every hour at :${past}`;
  if (!/^\d{1,2}$/.test(hour) || month !== "*") return null;
  const at = `at ${hour.padStart(2, "0")}:${past}`;
  if (isEachDay) return `every day ${at}`;
  if (day === "*") {
    const name = /^mon-fri$|^1-5$/i.test(weekday) ? "weekday" : weekdayNamed(weekday);
    return name === null ? null : `every ${name} ${at}`;
  }
  if (weekday !== "*") return null;
  if (day.toUpperCase() === "L") return `on the last day of each month ${at}`;
  return /^\d{1,2}$/.test(day) ? `on day ${day} of each month ${at}` : null;
}

const eachText = (count: number, unit: string) =>
  count === 1 ? `every ${unit}` : `every ${count} ${unit}s`;

function weekdayNamed(text: string): string | null {
  if (/^[0-7]$/.test(text)) return weekdays[Number(text) % 7] ?? null;
  const isShort = /^[a-z]{3}$/i.test(text);
  return (isShort && weekdays.find((name) => name.slice(0, 3) === capital(text))) || null;
}

const capital = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase();
