/** The time of a schedule for which a posting was made. */
export interface ScheduledTime {
  /** The name of the schedule. */
  name: string;
  /** The time without jitter, in ms since 1970. */
  nominalMs: number;
}
