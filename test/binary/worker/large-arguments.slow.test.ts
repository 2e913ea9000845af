import { testLarge, testMany } from "./large-arguments.ts";

for (const size of [8, 24, 40, 63]) {
  for (const workers of [1, 2, 4]) testLarge(size, workers, workers + 1);
}
testLarge(32, 2, 1, 200);
testMany(1_000);
