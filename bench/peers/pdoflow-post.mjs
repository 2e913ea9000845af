// Posts jobs with the library of PDOFlow, in Bun or Node, and prints how long that took in ms.
const { url, jobs, library, entryPoint, over, options } = JSON.parse(process.argv[2]);
const { close, mapOver, postWork } = await import(library);

function* args() {
  for (let i = 0; i < jobs; i++) yield [i, i / 2, `file-${i}.txt`];
}
// Connecting is in our time, and not in that of the others.
const startedAt = performance.now();
const posting = await postWork(entryPoint, args(), [], { db: url, ...options });
if (over) await mapOver(posting, over, { db: url, ...options });
console.log(JSON.stringify({ ms: performance.now() - startedAt }));
await close();
