/** The posting whose results the jobs of another posting read, with the counts of its jobs. */
export interface UpstreamPosting {
  posting: number;
  jobCount: number;
  done: number;
  failed: number;
  cancelled: number;
  /** Job i of the other posting reads up to groupSize results, from index i × groupSize on. */
  groupSize: number;
}

/** The results of consecutive jobs of a posting (results_page in sql/engine/gather.sql). */
export interface GatheredPage {
  /** A letter for each job: d(one), f(ailed), c(ancelled), w(aiting). */
  states: string;
  /** A line for each job: its encoded result or error, or nothing. */
  texts: string;
}

/**
 * The numbers of jobs of the postings that reduce the results of `jobCount` jobs: each job reads up
 * to `groupSize` results of the level before, until one job is left. Of one job that reads all
 * results if `groupSize` is null.
 */
export function levelsOf(jobCount: number, groupSize: number | null): number[] {
  const levels: number[] = [];
  for (let left = jobCount; levels.length === 0 || left > 1;) {
    left = groupSize === null ? 1 : Math.max(Math.ceil(left / groupSize), 1);
    levels.push(left);
  }
  return levels;
}

/** The indexes of the results that a job reads, from `first` to before `end`. */
export function rangeOfGroup({ groupSize, jobCount }: UpstreamPosting, index: number) {
  const first = index * groupSize;
  return { first, end: Math.min(first + groupSize, jobCount) };
}
