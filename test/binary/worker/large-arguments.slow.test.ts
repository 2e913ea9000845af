import { testLarge, testMany } from "./large-arguments.ts";

for (const size of [8, 24, 40, 63]) {
  for (const workers of [1, 2, 4]) testLarge(size, workers, workers + 1);
}
// The pool itself has about 65 MiB, and the arguments are in its memory three times.
testLarge(8, 2, 1, 120);
testLarge(32, 2, 1, 200);
testMany(1_000);
