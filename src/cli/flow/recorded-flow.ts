import { type JobsToPost, type NewPosting, optionsText } from "../../db/posting/insert.ts";
import { storedJobs } from "../../db/posting/schedules.ts";
import { InvalidInput } from "../../domain/errors.ts";
import type { FlowSpec } from "../../domain/flow-spec.ts";

/** Jobs that can be posted, and their JSON text in sql/engine/fire_flow.sql. */
interface KeptJobs {
  jobs: JobsToPost;
  text: string;
}

interface Receivers {
  onEnd: string | null;
  onFailure: string | null;
}

/** The stages of a flow as they were posted, to be posted again by a schedule. */
export class RecordedFlow {
  readonly #stages: string[] = [];
  /** The stages of postings, by their numbers. */
  readonly #names = new Map<number, string>();

  /** @throws {InvalidInput} the jobs are too large. */
  async keep(jobs: JobsToPost): Promise<KeptJobs> {
    if ("isNormal" in jobs) return { jobs, text: jobs.text };
    const args = await storedJobs(jobs);
    return { jobs: [{ args }], text: JSON.stringify(args.join("\n")) };
  }

  /** @throws {InvalidInput} the stage is signed, or waits for a posting that exists already. */
  add(posting: NewPosting, { text }: KeptJobs, id: number): void {
    const { stage, entryPoint, after = [], gather, signer } = posting;
    if (signer) {
      throw new InvalidInput("sign", ["expected no signature: a schedule cannot sign postings"]);
    }
    if (typeof stage !== "string") throw new Error("expected a stage of a flow");
    const { flowId: _, stage: _s, osUser: _o, ...options } = JSON.parse(optionsText(posting));
    const edges = after.map(({ posting, ...edge }) => ({ ...edge, stage: this.#nameOf(posting) }));
    const named = {
      ...options,
      ...(edges.length > 0 ? { after: edges } : {}),
      ...(typeof gather === "number" ? { gather: this.#nameOf(gather) } : {}),
    };
    const jobs = text.replace(/^\{"(over|expand)":(\d+)/, (_all, kind, upstream) => {
      return `{"${kind}":${JSON.stringify(this.#nameOf(Number(upstream)))}`;
    });
    const head = JSON.stringify({ stage, run: entryPoint, options: named });
    this.#stages.push(`${head.slice(0, -1)},"jobs":${jobs}}`);
    this.#names.set(id, stage);
  }

  /** As `schedule_flow` takes it. */
  textOf(head: { name: string; spec: FlowSpec } & Receivers): string {
    const text = JSON.stringify(head);
    return `${text.slice(0, -1)},"stages":[${this.#stages.join(",")}]}`;
  }

  #nameOf(id: number): string {
    const name = this.#names.get(id);
    if (name !== undefined) return name;
    throw new InvalidInput("stages", [
      `expected stages that wait for stages of the flow, found posting ${id}: each time of a ` +
        "schedule posts a flow of its own",
    ]);
  }
}
