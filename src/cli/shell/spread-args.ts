/** Commands whose `--args` takes all the words that follow it. */
const takers = ["post", "run"];

/**
 * A command line with `--args 1 -2 x` written as `--args=1 --args=-2 --args=x`: it takes the words
 * up to the next option, which a negative number is not. What follows `--` is left alone. For
 * `set-priority 42 -1` and `vars set gain -1` alike: to clipanion -1 would be an option.
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
  for (const [at, word] of line.entries()) {
    if (word === "--") {
      const rest = line.slice(at + 1);
      // To clipanion those would be files.
      if (line[0] === "run") return [...spread, ...rest.map((each) => `--command=${each}`)];
      return [...spread, word, ...rest];
    }
    if (word === "--args") isTaking = true;
    else if (!isTaking) spread.push(word);
    else if (/^-(?!\d|$|Infinity$)/.test(word)) {
      isTaking = false;
      spread.push(word);
    } else spread.push(`--args=${word}`);
  }
  return spread;
}
