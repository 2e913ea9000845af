/**
 * Posts jobs in batches, several at the same time, with `insert`, which gets the jobs that `spec`
 * makes of three small arguments. Prints how long that took in ms.
 */
export async function postBatches({ jobs, batchSize, inFlight }, spec, insert) {
  const batches = Math.ceil(jobs / batchSize);
  let next = 0;
  async function post() {
    for (let batch = next++; batch < batches; batch = next++) {
      const first = batch * batchSize;
      const size = Math.min(batchSize, jobs - first);
      const args = (i) => [i, i / 2, `file-${i}.txt`];
      await insert(Array.from({ length: size }, (_, i) => spec(args(first + i))));
    }
  }
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: inFlight }, post));
  console.log(JSON.stringify({ ms: performance.now() - startedAt }));
}
