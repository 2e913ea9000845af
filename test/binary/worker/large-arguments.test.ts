import { testLarge } from "./large-arguments.ts";

// The pool itself has about 65 MiB, and the arguments are in its memory three times.
testLarge(8, 2, 1, 120);
