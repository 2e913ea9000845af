/**
 * A note on a local time, such as 2027-03-28T02:30, that does not occur or occurs twice because of
 * daylight saving time; null for any other time.
 */
export function momentNote(text: string): string | null {
  const [, day = "", time = ""] = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)/.exec(text) ?? [];
  if (day === "" || /(?:Z|[+-]\d\d:\d\d)$/.test(text)) return null;
  const wanted = `${day}T${time.padEnd(8, ":00")}`;
  const taken = new Date(text.replace(" ", "T"));
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const said = `using ${localText(taken)}${offsetText(taken)}, which is ${taken.toISOString()}`;
  if (localText(taken) !== wanted) {
    return `this time does not exist in ${timeZone} because clocks go forward; ${said}`;
  }
  const others = [-dayMs, dayMs].map((ms) => sameTimeElsewhere(taken, new Date(+taken + ms)));
  const isTwice = others.some((other) => +other !== +taken && localText(other) === wanted);
  return isTwice ? `this time occurs twice in ${timeZone} because clocks go back; ${said}` : null;
}

const dayMs = 86_400_000;

/** The moment with the local time of `moment` and the offset of `other`. */
const sameTimeElsewhere = (moment: Date, other: Date): Date =>
  new Date(+moment + (other.getTimezoneOffset() - moment.getTimezoneOffset()) * 60_000);

const two = (number: number): string => String(number).padStart(2, "0");

const localText = (date: Date): string =>
  `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}` +
  `T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

function offsetText(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const sign = minutes < 0 ? "-" : "+";
  return `${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}
