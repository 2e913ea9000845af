// A password that is planted wherever one may be comes out nowhere.
import { test } from "bun:test";

import { expectHidden, places } from "./planted.ts";

test.each(places.slice(0, 1))(
  "a password in $name is in no output, no table and no worker",
  expectHidden,
  120_000,
);
