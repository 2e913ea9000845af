import { readFileSync } from "node:fs";

import { InvalidInput, messageOf } from "../../domain/errors.ts";
import { findProgram } from "../shell/find-program.ts";
import { answerMark, type HostTask, type RemotePool, remoteScript } from "./remote-script.ts";
import { runWithInput } from "./run-with-input.ts";

/** Connections that are opened at the same time. */
const connectionsMax = 16;

/** A host has failed if it does not answer within this time; a pool has 30 s to start. */
const hostMs = 60_000;

// A question for a password could not be answered: the script is on stdin.
const sshOptions = [
  "BatchMode=yes",
  "ConnectTimeout=10",
  "ServerAliveInterval=10",
  "ServerAliveCountMax=3",
].flatMap((option) => ["-o", option]);

const isHost = (name: string) => /^[^-\s]\S*$/.test(name);

/**
 * The hosts of a file, one a line; `#` begins a comment.
 *
 * @throws {InvalidInput} it cannot be read.
 */
export function hostsIn(file: string): string[] {
  try {
    const lines = readFileSync(file, "utf8").split("\n");
    return lines.map((line) => line.replace(/#.*/, "").trim()).filter((line) => line !== "");
  } catch (error) {
    throw new InvalidInput("--hosts", [
      `expected a file with a host on each line: ${messageOf(error)}`,
    ]);
  }
}

/** @throws {InvalidInput} there is none, or one would be an option of ssh. */
export function checkHosts(hosts: readonly string[]): void {
  if (hosts.length === 0) {
    throw new InvalidInput("hosts", ["expected hosts, or --hosts FILE, found none"]);
  }
  const faults = hosts.filter((host) => !isHost(host));
  if (faults.length === 0) return;
  throw new InvalidInput(
    "hosts",
    faults.map(
      (host) => `expected a name such as node1 or ann@node1, found ${JSON.stringify(host)}`,
    ),
  );
}

/** What a host has answered. */
export interface HostAnswer {
  host: string;
  state: "started" | "there" | "free" | "ok" | "failed";
  text: string;
}

/** Runs scripts on hosts by the user's `ssh`. */
export class Hosts {
  readonly #ssh: string;
  readonly #env: Record<string, string | undefined>;
  readonly #pool: RemotePool;
  readonly #limitMs: number;

  /** @throws {ProgramMissing} */
  constructor(env: Record<string, string | undefined>, pool: RemotePool, limitMs = hostMs) {
    this.#limitMs = limitMs;
    this.#ssh = findProgram("ssh", env, "Install OpenSSH.");
    this.#env = env;
    this.#pool = pool;
  }

  /** Asks all hosts, and calls back with each answer as it comes. */
  async ask(
    task: HostTask,
    hosts: readonly string[],
    onAnswer: (answer: HostAnswer) => void = () => {},
  ): Promise<HostAnswer[]> {
    const answers: HostAnswer[] = [];
    const left = hosts.entries();
    const work = async () => {
      for (const [i, host] of left) {
        const answer = await this.#askOne(task, host);
        answers[i] = answer;
        onAnswer(answer);
      }
    };
    await Promise.all(Array.from({ length: connectionsMax }, work));
    return answers;
  }

  async #askOne(task: HostTask, host: string): Promise<HostAnswer> {
    const command = [this.#ssh, ...sshOptions, "--", host, "exec sh -s"];
    const input = remoteScript(task, this.#pool);
    const signal = AbortSignal.timeout(this.#limitMs);
    const ran = runWithInput(command, input, { env: this.#env, signal });
    const answer = await ran.catch((error: unknown) => {
      if (!signal.aborted) throw error;
      return null;
    });
    if (answer === null) {
      const text = `expected an answer within ${this.#limitMs / 1_000} seconds, found none`;
      return { host, state: "failed", text };
    }
    const { stdout, stderr, code } = answer;
    const [, said] = stdout.split(answerMark, 2);
    const [, state, text = ""] = /^(started|there|free|ok|failed)\b ?([^]*)/.exec(said ?? "") ?? [];
    if (code !== 0 || state === undefined) {
      return {
        host,
        state: "failed",
        text: `${stdout}${stderr}`.trim() || `ssh exited with ${code}`,
      };
    }
    return { host, state: state as HostAnswer["state"], text: text.trim() };
  }
}
