import { type Needs, type Provides, unmetNeeds } from "./capabilities.ts";

/** Who posts, and what their jobs need of a pool. */
export interface Route {
  id: number;
  /** The database role that posted. */
  poster: string;
  /** The user of the operating system, as the poster's own machine told it. */
  posterOs: string;
  needs: Needs;
  /** Of the run whose pool alone serves it, or empty. */
  run: string;
}

/** A route with what tells when its turn comes. */
export interface RouteInTurn extends Route {
  /** The weight of its poster's turns. */
  share: number;
}

/** Whose jobs a pool runs, and what it has. */
export interface PoolScope {
  provides: Provides;
  /** Database roles or OS users; null for everybody's. */
  posters: readonly string[] | null;
  /** The pool of a run serves the route of that run, and no other. */
  run?: string;
}

/** Whether a pool may run the jobs of a route. */
export const mayServe = (route: Route, { provides, posters, run = "" }: PoolScope): boolean =>
  route.run === run && isTheirs(route, posters) && unmetNeeds(route.needs, provides).length === 0;

/** A name stands for a role or for an OS user; `role/user` for both at once. */
const isTheirs = ({ poster, posterOs }: Route, posters: readonly string[] | null): boolean =>
  posters === null ||
  posters.some((name) => [poster, posterOs, `${poster}/${posterOs}`].includes(name));
