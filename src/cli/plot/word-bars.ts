import { progressBar } from "../../../tui/draw/plot.ts";
import { cutTo } from "../output/table.ts";
import type { PlotStyle } from "./framed.ts";

/** More different words are counted together. */
const wordsMax = 10_000;
const barsMax = 15;
const charsMax = 200;

/** Counts words with bounded memory. */
export class Words {
  readonly #counts = new Map<string, number>();
  /** Values that came after `wordsMax` different ones, and are none of them. */
  uncounted = 0;
  total = 0;

  add(word: string): void {
    const key = word.slice(0, charsMax);
    const count = this.#counts.get(key);
    this.total += 1;
    if (count === undefined && this.#counts.size >= wordsMax) this.uncounted += 1;
    else this.#counts.set(key, (count ?? 0) + 1);
  }

  /** The most frequent words, and how many words and values the others are. */
  get top() {
    const sorted = [...this.#counts].toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    const shown = sorted.slice(0, barsMax);
    const counted = shown.reduce((sum, [, count]) => sum + count, 0);
    return { shown, otherWords: sorted.length - shown.length, others: this.total - counted };
  }
}

/** A bar for each of the most frequent words, and a line for all others. */
export function wordBars(words: Words, title: string, style: PlotStyle): string[] {
  const { width, glyphs, paint } = style;
  const { shown, otherWords, others } = words.top;
  const most = shown[0]?.[1] ?? 0;
  const text = (word: string) =>
    word === "" ? '""' : word.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
  const labels = shown.map(([word]) => cutTo(text(word), Math.max(8, Math.floor(width / 3))));
  const left = Math.max(0, ...labels.map((label) => Bun.stringWidth(label)));
  const right = most.toLocaleString("en").length;
  const room = Math.max(1, width - left - right - 3);
  const more = words.uncounted > 0 ? `more than ${otherWords}` : String(otherWords);
  return [
    title,
    ...shown.map(([, count], at) => {
      const label = labels[at] ?? "";
      const [full] = progressBar(count / most, room, glyphs);
      const space = " ".repeat(left - Bun.stringWidth(label));
      return `${label}${space} ${paint("cyan", full)} ${count.toLocaleString("en")}`;
    }),
    ...(others > 0 ? [`${others.toLocaleString("en")} values are ${more} other words`] : []),
  ];
}
