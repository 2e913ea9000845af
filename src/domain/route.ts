import { type Needs, type Provides, unmetNeeds } from "./capabilities.ts";

/** The poster of jobs, their needs, and the project of their code. */
export interface Route {
  id: number;
  /** The database role that posted. */
  poster: string;
  /** The operating system user, as reported by the poster's own machine. */
  posterOs: string;
  needs: Needs;
  /** The run whose pool alone serves it, or empty. */
  run: string;
  /** The project whose code its jobs are, or empty if any pool may run them (R4). */
  project: string;
}

/** A route with the weight of its poster. */
export interface RouteInTurn extends Route {
  /** The share of its poster (T2). */
  share: number;
}

/** The posters whose jobs a pool runs, and the capabilities of the pool. */
export interface PoolScope {
  provides: Provides;
  /** Database roles or OS users; null for all. */
  posters: readonly string[] | null;
  /** The pool of a run serves the route of that run, and no other. */
  run?: string;
  /** It runs postings of this project and of no project; absent or null: of any (O6). */
  project?: string | null;
  /** It runs only these postings, each as `42` or `@name`; absent or null: all (O9). */
  postings?: readonly string[] | null;
}

/** Whether a pool may run the jobs of a route. */
export const mayServe = (route: Route, scope: PoolScope): boolean =>
  route.run === (scope.run ?? "") &&
  isOfProject(route, scope) &&
  isTheirs(route, scope.posters) &&
  unmetNeeds(route.needs, scope.provides).length === 0;

/** Whether a pool has the code of a route's jobs, according to their projects. */
export const isOfProject = (
  route: Pick<Route, "project">,
  { project = null }: Pick<PoolScope, "project">,
): boolean => project === null || ["", project].includes(route.project);

/** Whether a pool that may serve the route of a posting also serves this posting (O9). */
export const servesPosting = (
  { postings = null }: Pick<PoolScope, "postings">,
  { id, name }: { id: number; name: string | null },
): boolean => postings === null || postings.includes(String(id)) || postings.includes(`@${name}`);

/** A name stands for a role or for an OS user; `role/user` for both at once. */
const isTheirs = ({ poster, posterOs }: Route, posters: readonly string[] | null): boolean =>
  posters === null ||
  posters.some((name) => [poster, posterOs, `${poster}/${posterOs}`].includes(name));
