import type { FlowNode } from "./flow-graph.ts";

/** A stage that is drawn: its own column, and the columns whose lines it joins. */
interface GraphRow {
  own: number;
  /** The column of each upstream, and whether its line ends here. */
  joined: ReadonlyMap<number, boolean>;
  /** The columns of lines that pass. */
  passing: ReadonlySet<number>;
}

/**
 * Draws a graph beside a list of its stages, one line for each stage, given in topological order.
 * `markOf` returns the character of a stage. A line of a column leads from a stage down to all
 * stages that wait for it.
 *
 *     ● reduce
 *     ├─● measure
 *     ● │ flat
 *     ●─╯ combine
 */
export function drawGraph(
  nodes: readonly FlowNode[],
  markOf: (name: string) => string = () => "●",
): string[] {
  return rowsOf(nodes).map((row, i) => lineOf(row, markOf(nodes[i]?.name ?? "")));
}

function rowsOf(nodes: readonly FlowNode[]): GraphRow[] {
  /** By stage: the number of drawn stages after which its line ends. */
  const lastUse = new Map<string, number>();
  for (const [i, { upstreams }] of nodes.entries()) {
    for (const { stage } of upstreams) lastUse.set(stage, i);
  }
  const columns: (string | null)[] = [];
  /** The column of the stage above, if nothing waits for it: below it, a stage would seem to. */
  let deadEnd = -1;
  return nodes.map(({ name, upstreams }, i) => {
    const names = new Set(upstreams.map(({ stage }) => stage));
    const joined = new Map<number, boolean>();
    const passing = new Set<number>();
    for (const [column, stage] of columns.entries()) {
      if (stage === null) continue;
      if (names.has(stage)) joined.set(column, lastUse.get(stage) === i);
      else passing.add(column);
    }
    for (const [column, isEnd] of joined) if (isEnd) columns[column] = null;
    const ended = [...joined].find(([, isEnd]) => isEnd)?.[0];
    const own = ended ?? freeColumn(columns, joined, deadEnd);
    while (columns.length < own) columns.push(null);
    columns[own] = lastUse.has(name) ? name : null;
    deadEnd = lastUse.has(name) ? -1 : own;
    while (columns.at(-1) === null) columns.pop();
    return { own, joined, passing };
  });
}

/** The first free column to the right of the stages it joins, so that lines stay short. */
function freeColumn(
  columns: readonly (string | null)[],
  joined: ReadonlyMap<number, boolean>,
  deadEnd: number,
): number {
  let column = joined.size === 0 ? 0 : Math.min(...joined.keys());
  while ((columns[column] ?? null) !== null || column === deadEnd) column += 1;
  return column;
}

function lineOf({ own, joined, passing }: GraphRow, mark: string): string {
  const touched = [own, ...joined.keys()];
  const [left, right] = [Math.min(...touched), Math.max(...touched)];
  const width = Math.max(right, ...passing) + 1;
  let line = "";
  for (let column = 0; column < width; column++) {
    const isInside = column > left && column < right;
    if (column === own) line += mark;
    else if (joined.has(column)) {
      line += joint(joined.get(column) === true, column === left, column === right);
    } else if (passing.has(column)) line += "│";
    else line += isInside ? "─" : " ";
    line += column >= left && column < right ? "─" : " ";
  }
  return line.trimEnd();
}

/** The character at which a line from above meets the horizontal line of a stage. */
function joint(isEnd: boolean, isLeft: boolean, isRight: boolean): string {
  if (isLeft) return isEnd ? "╰" : "├";
  if (isRight) return isEnd ? "╯" : "┤";
  return isEnd ? "┴" : "┼";
}
