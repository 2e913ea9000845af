export { job } from "./domain/job-mark.ts";
