import { InvalidInput, messageOf } from "../../domain/errors.ts";

/**
 * The same input. Its error names the input: the code of a read error, such as EISDIR, would be
 * taken for that of the connection to the database.
 *
 * @throws {InvalidInput} if it cannot be read.
 */
export async function* readable<T>(name: string, input: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    for await (const chunk of input) yield chunk;
  } catch (error) {
    throw new InvalidInput(name, [`it cannot be read: ${messageOf(error)}`]);
  }
}
