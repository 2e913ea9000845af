/** A character as people see it, with its width on a terminal. */
export interface Cluster {
  text: string;
  width: 0 | 1 | 2;
}

/** Sequences that terminals obey instead of showing them, whole or incomplete. */
const sequences = new RegExp(
  [
    String.raw`(?:\u001b\[|\u009b)[\d;:<=>?]*[ -/]*[@-~]`, // CSI
    // OSC, DCS and the like, with all that belongs to them
    String.raw`(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])` +
      String.raw`[^\u0007\u001b\u009c]*(?:\u0007|\u009c|\u001b\\)?`,
    String.raw`\u001b[ -/]*[0-~]`,
  ].join("|"),
  "g",
);
const controls = /[\p{Cc}\p{Zl}\p{Zp}]/gu;
/** Joiners, direction marks and variation selectors: terminals show them differently. */
const formats = /\p{Cf}|\p{Co}|\p{Cs}|\p{Cn}|[\ufe00-\ufe0f]|\p{Emoji_Modifier}/gu;
/** More marks on one letter only serve to overflow its cell. */
const mostMarks = 2;

/** Makes a line harmless: a terminal shows all of it and obeys nothing. */
export const harmless = (text: string): string =>
  text.replace(sequences, "").replace(/\t/g, "  ").replace(controls, "·").replace(formats, "");

/** Splits text such as a stack or the output of a job into harmless lines. */
export const harmlessLines = (text: string): string[] =>
  text
    .replace(/\r\n?/g, "\n")
    .split("\n")
    .map((line) => harmless(line));

/** The code points of a text; marks count as letters. */
export const lettersOf = (text: string): string[] => Array.from(text);

/** Whether each code unit is one column wide: ASCII, and the glyphs of the views. */
export const isSimple = (text: string) =>
  /^[ -~\u2500-\u259f\u2800-\u28ff—…✗●▸×·◆○■✓▲▼]*$/.test(text);

/** The characters of a line, made harmless; marks stay with their letter. */
export function clusters(text: string): Cluster[] {
  if (isSimple(text)) return lettersOf(text).map((letter) => ({ text: letter, width: 1 }));
  const found: Cluster[] = [];
  let marks = 0;
  for (const letter of harmless(text)) {
    const width = widthOfLetter(letter);
    const last = found.at(-1);
    if (width > 0) {
      found.push({ text: letter, width });
      marks = 0;
    } else if (last && marks < mostMarks) {
      last.text += letter;
      marks += 1;
    }
  }
  return found;
}

function widthOfLetter(letter: string): 0 | 1 | 2 {
  if (/^\p{M}$/u.test(letter)) return 0;
  const width = Bun.stringWidth(letter, { ambiguousIsNarrow: true });
  return width <= 0 ? 0 : width === 1 ? 1 : 2;
}

export const widthOf = (text: string): number =>
  isSimple(text) ? text.length : clusters(text).reduce((sum, { width }) => sum + width, 0);

/** The text in at most `width` columns; a cut text ends with `mark`. */
export function cut(text: string, width: number, mark = "…"): string {
  if (width <= 0) return "";
  if (isSimple(text)) return text.length <= width ? text : text.slice(0, width - 1) + mark;
  const all = clusters(text);
  const total = all.reduce((sum, each) => sum + each.width, 0);
  if (total <= width) return all.map((each) => each.text).join("");
  let kept = "";
  let used = 0;
  for (const each of all) {
    if (used + each.width > width - 1) break;
    kept += each.text;
    used += each.width;
  }
  return kept + mark;
}

/** Cuts off the beginning instead: the end of a path says more. */
export function cutStart(text: string, width: number, mark = "…"): string {
  if (width <= 0) return "";
  if (isSimple(text)) return text.length <= width ? text : mark + text.slice(1 - width || Infinity);
  const all = clusters(text);
  const total = all.reduce((sum, each) => sum + each.width, 0);
  if (total <= width) return all.map((each) => each.text).join("");
  let kept = "";
  let used = 0;
  for (const each of all.toReversed()) {
    if (used + each.width > width - 1) break;
    kept = each.text + kept;
    used += each.width;
  }
  return mark + kept;
}

/** The text in exactly `width` columns: cut, or filled with spaces on the other side. */
export function fit(text: string, width: number, side: "left" | "right" = "left"): string {
  const shown = cut(text, width);
  const space = " ".repeat(Math.max(0, width - widthOf(shown)));
  return side === "left" ? shown + space : space + shown;
}

/** The text in lines of `width` columns at most. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  let used = 0;
  for (const each of clusters(text)) {
    if (used + each.width > width && line !== "") {
      lines.push(line);
      line = "";
      used = 0;
    }
    line += each.text;
    used += each.width;
  }
  return [...lines, line];
}
