import { testLarge } from "./large-arguments.ts";

testLarge(32, 2, 1);
