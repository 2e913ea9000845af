import { exitCodes, type ExitCode, messageOf } from "../../domain/errors.ts";
import { formatListenAddress, parseListenAddress } from "../http/listen-address.ts";

const patienceMs = 5_000;

/**
 * Asks a health port, as a container does that has no other HTTP client: `9470` asks /readyz,
 * `9470/livez` another page. The address of a socket is always asked for /readyz.
 */
export async function checkHealth(
  text: string,
  option: string,
): Promise<{ code: ExitCode; line: string }> {
  const [, port = text, page = "/readyz"] =
    /^([^/]*\d)(\/(?:livez|readyz|startupz))$/.exec(text) ?? [];
  const at = parseListenAddress(port, option);
  const url = "path" in at ? "http://localhost" : `http://${formatListenAddress(at)}`;
  try {
    const reply = await fetch(`${url}${page}`, {
      signal: AbortSignal.timeout(patienceMs),
      ...("path" in at ? { unix: at.path } : {}),
    });
    const said = (await reply.text()).trim();
    return { code: reply.ok ? exitCodes.ok : exitCodes.jobsFailed, line: said };
  } catch (error) {
    const where = formatListenAddress(at);
    return { code: exitCodes.jobsFailed, line: `${where} does not answer: ${messageOf(error)}` };
  }
}
