// How many cases tests of random input try. The fast ring tries a sample that is the same in each
// run; test/fuzz/long.slow.test.ts runs these files with more.

/** PDOFLOW_TEST_FUZZ=100 tries a hundred times as many. */
export const fuzzTimes = Number(process.env["PDOFLOW_TEST_FUZZ"] ?? 1);
