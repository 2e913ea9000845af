/** Whether variable `name` could lead a test to the developer's own database or settings. */
export const isDevelopersOwn = (name: string): boolean =>
  /^(PG[A-Z]+|DATABASE_URL|PDOFLOW_(?!TEST_)\w+)$/.test(name);
