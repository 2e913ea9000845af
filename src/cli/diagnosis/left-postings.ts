import type { Db } from "../../db/connection/connect.ts";
import { readRoutes } from "../../db/engine/routes.ts";
import { readLivePools } from "../../db/read/explain.ts";
import { readOpenOfRoutes } from "../../db/read/routed-postings.ts";
import { mayServe, type PoolScope, servesPosting } from "../../domain/route.ts";
import { startPool } from "../../domain/start-pool.ts";
import { lackText } from "../../domain/unmet-text.ts";
import { unmetNeeds } from "../../domain/capabilities.ts";

/** Each has a line; further ones are counted. */
const listedMax = 10;

/** The postings that a pool which has ended could never run because of their needs, nor another. */
export async function leftPostings(db: Db, scope: PoolScope): Promise<string[]> {
  const routes = new Map(
    (await readRoutes(db, { project: scope.project ?? null }))
      .filter((route) => unmetNeeds(route.needs, scope.provides).length > 0)
      .filter((route) => mayServe({ ...route, needs: [] }, scope))
      .map((route) => [route.id, route]),
  );
  if (routes.size === 0) return [];
  const pools = await readLivePools(db);
  const left = (await readOpenOfRoutes(db, [...routes.keys()])).flatMap((posting) => {
    const route = routes.get(posting.routeId);
    if (route === undefined || !servesPosting(scope, posting)) return [];
    const isServed = pools.some((pool) => mayServe(route, pool) && servesPosting(pool, posting));
    return isServed ? [] : [{ id: posting.id, route }];
  });
  const lines = left
    .slice(0, listedMax)
    .map(
      ({ id, route }) =>
        `posting ${id} ${lackText(route.needs, scope.provides)}; ` +
        `start another pool with: ${startPool(route)}`,
    );
  const others = left.length - lines.length;
  return others === 0
    ? lines
    : [
        ...lines,
        `${others} more ${others === 1 ? "posting needs" : "postings need"} what this pool does ` +
          "not provide; see: pdoflow list",
      ];
}
