/** `1 job`, `1,200 jobs`: for people. */
export const pluralize = (count: number, noun: string): string =>
  `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
