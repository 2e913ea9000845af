// Posts jobs with graphile-worker and prints how long that took in ms.
import { Logger, makeWorkerUtils } from "graphile-worker";

import { postBatches } from "./post-batches.mjs";

const { url, task, ...sizes } = JSON.parse(process.argv[2]);
const logger = new Logger(() => () => {});
const { inFlight: maxPoolSize } = sizes;
const utils = await makeWorkerUtils({ connectionString: url, logger, maxPoolSize });
await utils.migrate();
const spec = (payload) => ({ identifier: task, payload });
await postBatches(sizes, spec, (jobs) => utils.addJobs(jobs));
await utils.release();
