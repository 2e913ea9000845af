import type { FlowFigures, ReportFigures } from "./figures.ts";
import { counted, numberText } from "./text.ts";

/** The flow that a report is about; null if it is also about other flows or postings. */
export function onlyFlow({ flows, postings }: ReportFigures): FlowFigures | null {
  const [flow, other] = flows;
  return flow && !other && postings.every((one) => one.flow === flow.id) ? flow : null;
}

/** What a report is about, as its title. */
export function titleOf(figures: ReportFigures): string {
  const flow = onlyFlow(figures);
  if (flow) return flow.name;
  const { postings } = figures;
  const [posting, otherPosting] = postings;
  if (posting && !otherPosting) return posting.name ?? posting.command ?? posting.entryPoint;
  return counted(postings.length, "posting");
}

/** How the jobs of a report ended, or how far they are, in one or two sentences. */
export function headline({ jobs, postings, attempts }: ReportFigures): string {
  const { done, failed, cancelled } = jobs;
  const total = Object.values(jobs).reduce((sum, n) => sum + n, 0);
  const open = total - done - failed - cancelled;
  const retried = attempts.reduce((sum, one) => sum + one.retried, 0);
  const again =
    retried === 0
      ? ""
      : ` ${counted(retried, "attempt")} failed and ${retried === 1 ? "was" : "were"} tried again.`;
  const all = counted(total, "job");
  if (open === total) return `No job of ${numberText(total)} has ended yet.${again}`;
  if (open > 0) {
    const stopped = postings.some(({ state }) =>
      ["errored_out", "blocked", "paused"].includes(state),
    );
    const parts = [
      `${numberText(done)} of ${all} ${done === 1 ? "is" : "are"} done`,
      ...(failed > 0 ? [`${numberText(failed)} failed`] : []),
      ...(cancelled > 0 ? [`${numberText(cancelled)} were cancelled`] : []),
      `${numberText(open)} ${stopped ? "did not run yet" : open === 1 ? "is left" : "are left"}`,
    ];
    return `${parts.join(", ")}.${again}`;
  }
  if (failed === 0 && cancelled === 0) {
    return total === 1 ? `The job is done.${again}` : `All ${all} are done.${again}`;
  }
  const some = failed > 0 ? numberText(cancelled) : `${numberText(cancelled)} of ${all}`;
  const parts = [
    ...(failed > 0 ? [`${numberText(failed)} of ${all} failed`] : []),
    ...(cancelled > 0 ? [`${some} ${cancelled === 1 ? "was" : "were"} cancelled`] : []),
    `${numberText(done)} ${done === 1 ? "is" : "are"} done`,
  ];
  return `${parts.join(", ")}.${again}`;
}
