/** Runs a program that reads this text, and returns its output. */
export async function runWithInput(
  command: readonly string[],
  input: string,
  options: { cwd?: string; env: Record<string, string | undefined> },
): Promise<{ stdout: string; stderr: string; code: number }> {
  const child = Bun.spawn([...command], {
    ...{ ...options, stdin: Buffer.from(input), stdout: "pipe", stderr: "pipe" },
  });
  const [stdout, stderr, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}
