// Posts jobs with the library of PDOFlow, in Bun or Node, and prints how long that took in ms.
const { url, jobs, library, entryPoint, options } = JSON.parse(process.argv[2]);
const { close, postWork } = await import(library);

function* args() {
  for (let i = 0; i < jobs; i++) yield [i, i / 2, `file-${i}.txt`];
}
// Connecting is in our time, and not in that of the others.
const startedAt = performance.now();
await postWork(entryPoint, args(), [], { db: url, ...options });
console.log(JSON.stringify({ ms: performance.now() - startedAt }));
await close();
