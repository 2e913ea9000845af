import { dots } from "../../../tui/draw/plot.ts";
import { framed, marginOf, type PlotStyle } from "./framed.ts";
import { type Scale, scaleOf, shareOf, ticksOf } from "./scale.ts";

/** The least and the greatest of some numbers. */
export interface Extent {
  least: number;
  most: number;
}

/** Points on a grid of dots: memory depends on the terminal, not on the number of points. */
export class Scatter {
  readonly #x: Scale;
  readonly #y: Scale;
  readonly #style: PlotStyle;
  readonly #size: { width: number; height: number };
  /** In Braille the pattern of each character, else the number of its points. */
  readonly #cells: Uint32Array;

  constructor(x: Extent, y: Extent, height: number, style: PlotStyle) {
    this.#y = scaleOf(y.least, y.most, Math.max(2, Math.floor(height / 3)));
    const width = Math.max(8, style.width - marginOf(ticksOf(this.#y, height)) - 1);
    this.#x = scaleOf(x.least, x.most, Math.max(2, Math.floor(width / 12)));
    this.#size = { width, height };
    this.#style = style;
    this.#cells = new Uint32Array(width * height);
  }

  add(x: number, y: number): void {
    const { width, height } = this.#size;
    const { hasBraille } = this.#style.glyphs;
    const [perColumn, perRow] = hasBraille ? [2, 4] : [1, 1];
    const column = dotOf(shareOf(x, this.#x), width * perColumn);
    const row = height * perRow - 1 - dotOf(shareOf(y, this.#y), height * perRow);
    const at = Math.floor(row / perRow) * width + Math.floor(column / perColumn);
    const cell = this.#cells[at] ?? 0;
    const dot = dots[column % 2]?.[row % 4] ?? 0;
    this.#cells[at] = hasBraille ? cell | dot : cell + 1;
  }

  lines(title: string, xName: string): string[] {
    const { width, height } = this.#size;
    const { glyphs } = this.#style;
    const rows = Array.from({ length: height }, (_, row) =>
      Array.from(this.#cells.subarray(row * width, (row + 1) * width), (cell) => {
        if (cell === 0) return " ";
        if (glyphs.hasBraille) return String.fromCodePoint(0x2800 + cell);
        return cell === 1 ? "." : cell < 10 ? "o" : "#";
      }).join(""),
    );
    const [x, y] = [ticksOf(this.#x, width), ticksOf(this.#y, height)];
    return framed({ title, rows, x, y, xName }, this.#style);
  }
}

const dotOf = (share: number, size: number) => Math.min(size - 1, Math.floor(share * size));
