import { type Content, html } from "../html.ts";

/** A column of a table of `Row`. */
export interface ReportColumn<Row> {
  name: string;
  /** Numbers stand at the right, words do not break, long text does. */
  kind: "number" | "word" | "text" | "plain";
  cell: (row: Row) => Content;
  /** Whether the cell of a row stands out as bad. */
  isBad?: (row: Row) => boolean;
}

const classes = { number: "n", word: "w", text: "t", plain: "" } as const;

/** A table that scrolls on narrow screens. Columns that are null are left out. */
export function table<Row>(
  columns: readonly (ReportColumn<Row> | null)[],
  rows: readonly Row[],
  { isSmall = false } = {},
): Content {
  const shown = columns.filter((column) => column !== null);
  const heading = ({ name, kind }: ReportColumn<Row>) =>
    kind === "number" ? html`<th class="n">${name}</th>` : html`<th>${name}</th>`;
  const cell = ({ kind, isBad, cell: content }: ReportColumn<Row>, row: Row) => {
    const names = `${classes[kind]}${isBad?.(row) === true ? " bad" : ""}`;
    return names === ""
      ? html`<td>${content(row)}</td>`
      : html`<td class="${names}">${content(row)}</td>`;
  };
  return html`<div class="scroll">
    <table class="${isSmall ? "small" : "wide"}">
      <thead>
        <tr>
          ${shown.map(heading)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${shown.map((column) => cell(column, row))}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
