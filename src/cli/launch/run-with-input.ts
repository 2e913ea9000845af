interface ProgramOptions {
  cwd?: string;
  env: Record<string, string | undefined>;
  /** Ends the program. Its own children may go on, and are not waited for. */
  signal?: AbortSignal;
}

/**
 * Runs a program that reads this text, and returns its output.
 *
 * @throws the signal's reason when it is aborted.
 */
export async function runWithInput(
  command: readonly string[],
  input: string,
  { signal, ...options }: ProgramOptions,
): Promise<{ stdout: string; stderr: string; code: number }> {
  const child = Bun.spawn([...command], {
    ...{ ...options, stdin: Buffer.from(input), stdout: "pipe", stderr: "pipe" },
  });
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => {
    child.kill("SIGTERM");
    aborted.reject(signal?.reason);
  };
  signal?.addEventListener("abort", onAbort);
  try {
    const ended = Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    const [stdout, stderr, code] = await Promise.race([ended, aborted.promise]);
    return { stdout, stderr, code };
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
