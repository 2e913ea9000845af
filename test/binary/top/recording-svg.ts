import type { Terminal } from "@xterm/headless";

const [cellWidth, cellHeight, margin] = [8.4, 17, 10];
/** The first sixteen colours; of the others the palette says how they are made. */
const sixteen =
  "1c2128 f47067 57ab5a c69026 539bf5 b083f0 39c5cf 909dab " +
  "636e7b ff938a 6bc46d daaa3f 6cb6ff dcbdfb 56d4dd cdd9e5";
const [paper, ink] = ["#1c2128", "#cdd9e5"];

function colorOf(index: number): string {
  const named = sixteen.split(" ")[index];
  if (named !== undefined) return `#${named}`;
  if (index >= 232) return rgb([0, 0, 0].map(() => 8 + (index - 232) * 10));
  const cube = index - 16;
  const levels = [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6];
  return rgb(levels.map((level) => (level === 0 ? 0 : 55 + level * 40)));
}

const rgb = (parts: readonly number[]) =>
  `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;

const escaped = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

interface Run {
  text: string;
  x: number;
  width: number;
  ink: string;
  paper: string;
  isBold: boolean;
}

/** The current content of a terminal, as elements of an SVG. */
export function pictureOf(terminal: Terminal): string {
  return Array.from({ length: terminal.rows }, (_, y) =>
    runsOf(terminal, y)
      .map((run) => elementsOf(run, y))
      .join(""),
  ).join("\n");
}

function elementsOf({ text, x, width, ink, paper: back, isBold }: Run, y: number): string {
  const [left, top] = [margin + x * cellWidth, margin + y * cellHeight];
  const size = (width * cellWidth).toFixed(1);
  const place = `x="${left.toFixed(1)}"`;
  const box =
    back === paper
      ? ""
      : `<rect ${place} y="${top}" width="${size}" height="${cellHeight}" fill="${back}"/>`;
  if (text.trim() === "") return box;
  const weight = isBold ? ' font-weight="bold"' : "";
  const at = `${place} y="${top + 13}" textLength="${size}" fill="${ink}"${weight}`;
  return `${box}<text ${at} xml:space="preserve">${escaped(text)}</text>`;
}

/** Cells of a row that look the same, together; blanks at the end left out. */
function runsOf(terminal: Terminal, y: number): Run[] {
  const { active } = terminal.buffer;
  const line = active.getLine(active.baseY + y);
  const runs: Run[] = [];
  for (let x = 0; x < terminal.cols; x++) {
    const cell = line?.getCell(x);
    if (!cell || cell.getWidth() === 0) continue;
    const front = cell.isFgDefault() ? ink : colorOf(cell.getFgColor());
    const back = cell.isBgDefault() ? paper : colorOf(cell.getBgColor());
    const isInverse = cell.isInverse() !== 0;
    const [shown, behind] = isInverse ? [back, front] : [front, back];
    const isBold = cell.isBold() !== 0;
    const text = cell.getChars() || " ";
    const last = runs.at(-1);
    if (last && last.ink === shown && last.paper === behind && last.isBold === isBold) {
      last.text += text;
      last.width += cell.getWidth();
    } else {
      runs.push({ text, x, width: cell.getWidth(), ink: shown, paper: behind, isBold });
    }
  }
  return runs;
}

/** One picture after the other, over and over, each for as long as it was on the screen. */
export function animation(
  frames: readonly { at: number; svg: string }[],
  { columns, rows }: { columns: number; rows: number },
): string {
  const distinct = frames.filter(({ svg }, i) => svg !== frames[i - 1]?.svg);
  const from = distinct[0]?.at ?? 0;
  const whole = (frames.at(-1)?.at ?? 0) + 1 - from;
  const width = Math.ceil(columns * cellWidth + 2 * margin);
  const height = Math.ceil(rows * cellHeight + 2 * margin);
  const share = (at: number) => (((at - from) / whole) * 100).toFixed(2);
  const styles = distinct.map(({ at }, i) => {
    const next = distinct[i + 1];
    const end = next ? share(next.at) : "100";
    const before = i === 0 ? "" : `0%,${share(at)}%{visibility:hidden}`;
    const shown = `${Number(share(at)) + 0.001}%,${Number(end) - 0.001}%{visibility:visible}`;
    const after = next ? `${end}%,100%{visibility:hidden}` : "";
    return `@keyframes f${i}{${before}${shown}${after}}.f${i}{animation:f${i} ${whole.toFixed(1)}s step-end infinite}`;
  });
  // Without animation, the first one is visible.
  const groups = distinct.map(
    ({ svg }, i) => `<g class="f${i}"${i === 0 ? "" : ' visibility="hidden"'}>${svg}</g>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-size="14"
 font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace">
<style>${styles.join("\n")}</style>
<rect width="100%" height="100%" rx="8" fill="${paper}"/>
${groups.join("\n")}
</svg>
`;
}
