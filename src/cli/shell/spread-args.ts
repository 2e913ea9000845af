/** The commands with `--args`. */
const takers = ["post", "run"];

/**
 * Rewrites `--args 1 -2 x` as `--args=1 --args=-2 --args=x`, up to the next option; a negative
 * number is not one. Words after `--` do not change. Negative numbers of `set-priority 42 -1` and
 * `vars set gain -1` move after `--`, because clipanion would take them for options.
 */
export function spreadArgs(line: readonly string[]): string[] {
  const isSetting = line[0] === "set-priority" || (line[0] === "vars" && line[1] === "set");
  if (isSetting && !line.includes("--")) {
    const isNegative = (word: string) => /^-\d/.test(word);
    const negative = line.filter(isNegative);
    return negative.length === 0
      ? [...line]
      : [...line.filter((word) => !isNegative(word)), "--", ...negative];
  }
  if (!takers.includes(line[0] ?? "")) return [...line];
  const spread: string[] = [];
  let isTaking = false;
  for (const [index, word] of line.entries()) {
    if (word === "--") {
      const rest = line.slice(index + 1);
      // clipanion would take the words of the command for files.
      if (line[0] === "run") return [...spread, ...rest.map((each) => `--command=${each}`)];
      return [...spread, word, ...rest];
    }
    if (word === "--args" && isWord(line[index + 1])) isTaking = true;
    else if (!isTaking) spread.push(word);
    else if (!isWord(word)) {
      isTaking = false;
      spread.push(word);
    } else spread.push(`--args=${word}`);
  }
  return spread;
}

const isWord = (word: string | undefined) =>
  word !== undefined && !/^-(?!\d|$|Infinity$)/.test(word);
