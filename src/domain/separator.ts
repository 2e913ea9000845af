/** No JSON text contains this character, so it can separate arguments; `separator` in sql/ too. */
export const separator = "\u001e";
