/** Lines of aligned columns: numbers to the right, the rest to the left; a header line first. */
export function table(header: readonly string[], rows: readonly (string | number)[][]): string {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === "number" ? cell.toLocaleString("en") : cell)),
  );
  const widths = header.map((name, column) =>
    Math.max(Bun.stringWidth(name), ...cells.map((row) => Bun.stringWidth(row[column] ?? ""))),
  );
  const isNumber = header.map((_name, column) =>
    rows.every((row) => typeof row[column] === "number"),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const space = " ".repeat((widths[column] ?? 0) - Bun.stringWidth(cell));
        return isNumber[column] && rows.length > 0 ? space + cell : cell + space;
      })
      .join("  ")
      .trimEnd();
  return [header, ...cells].map(line).join("\n");
}
