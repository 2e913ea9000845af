import { exitCodes, InvalidInput, PdoflowError } from "../../domain/errors.ts";
import { parseSelector, type Selector } from "../../domain/selector.ts";

/** The job does not exist. */
export class JobNotFound extends PdoflowError {
  override readonly name = "JobNotFound";
  readonly exitCode = exitCodes.notFound;
  constructor(job: string) {
    super(`there is no job ${job}`);
  }
}

/**
 * Parses the posting and the index of one job, such as "42/7" or "last/0".
 *
 * @throws {InvalidInput} if the text does not name exactly one job.
 */
export function jobNamed(text: string): { selector: Selector; index: number } {
  const selector = parseSelector(text);
  const [range] = selector.indices ?? [];
  if (!range || selector.indices?.length !== 1 || range.first !== range.last) {
    throw new InvalidInput("job", [`expected one job such as 42/7, found "${text}"`]);
  }
  return { selector, index: range.first };
}
