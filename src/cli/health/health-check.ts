import { exitCodes, type ExitCode, InvalidInput } from "../../domain/errors.ts";
import { formatListenAddress, parseListenAddress } from "../http/listen-address.ts";
import { requestFailure } from "../http/request-failure.ts";

const usualAnswerMs = 5_000;

const anyPage =
  "the port, the address or the socket of a pool, such as 9470, perhaps followed by /livez, " +
  "/readyz or /startupz";

/**
 * Asks a health port, as a container does that has no other HTTP client: `9470` asks /readyz,
 * `9470/livez` or `/run/pdoflow.sock/livez` another page.
 *
 * @throws {InvalidInput}
 */
export async function checkHealth(
  text: string,
  option: string,
  answerMs = usualAnswerMs,
): Promise<{ code: ExitCode; line: string }> {
  const [, server = text, page = "/readyz"] =
    /^(.+)(\/(?:livez|readyz|startupz))$/.exec(text) ?? [];
  const at = parseListenAddress(server, option, anyPage);
  const isMeantAsUrl = "path" in at && /^[a-z]+:\/\/|^([^/]*:)?\d+\//i.test(at.path);
  if (isMeantAsUrl || ("port" in at && at.port === 0)) {
    throw new InvalidInput(option, [`expected ${anyPage}, found "${text}"`]);
  }
  const where = formatListenAddress(at);
  try {
    const reply = await fetch(`${"path" in at ? "http://localhost" : `http://${where}`}${page}`, {
      signal: AbortSignal.timeout(answerMs),
      redirect: "error",
      ...("path" in at ? { unix: at.path } : {}),
    });
    const [said = ""] = (await reply.text()).trim().split("\n"); // of any server, perhaps a page
    const line = said.slice(0, 200) || `${where} answered with ${reply.status}`;
    return { code: reply.ok ? exitCodes.ok : exitCodes.jobsFailed, line };
  } catch (error) {
    const reason = requestFailure(error, { server: "a pool with --health", answerMs });
    return { code: exitCodes.jobsFailed, line: `cannot ask ${where}: ${reason}` };
  }
}
