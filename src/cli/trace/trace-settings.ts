import { InvalidInput } from "../../domain/errors.ts";

/** Where spans are sent, and how many of them. */
export interface TraceSettings {
  /** With the path: `http://localhost:4318/v1/traces`. */
  url: string;
  headers: Readonly<Record<string, string>>;
  serviceName: string;
  /** Of the attempts that are traced besides failures and first jobs, from 0 to 1. */
  share: number;
}

type TraceEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * The settings from `--otlp`, or from the variables of OpenTelemetry; null if neither names a
 * collector.
 *
 * @throws {InvalidInput}
 */
export function traceSettings(
  { otlp, share }: { otlp: string | undefined; share: number },
  env: TraceEnvironment,
): TraceSettings | null {
  if (env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true") return null;
  const full = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] ?? "";
  const base = otlp ?? env["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? "";
  const isFull = otlp === undefined && full !== "";
  if (!isFull && base === "") return null;
  const option = otlp === undefined ? "OTEL_EXPORTER_OTLP_ENDPOINT" : "--otlp";
  const url = isFull
    ? httpUrl(full, option)
    : `${httpUrl(base, option).replace(/\/$/, "")}/v1/traces`;
  const headers =
    env["OTEL_EXPORTER_OTLP_TRACES_HEADERS"] ?? env["OTEL_EXPORTER_OTLP_HEADERS"] ?? "";
  return {
    ...{ url, share, headers: headersOf(headers) },
    serviceName: env["OTEL_SERVICE_NAME"] ?? "pdoflow",
  };
}

function httpUrl(text: string, option: string): string {
  if (URL.canParse(text) && /^https?:/.test(text)) return text;
  throw new InvalidInput(option, [
    "expected the URL of a collector of OTLP over HTTP, such as http://localhost:4318, " +
      `found "${text}"`,
  ]);
}

/** `key=value,key=value`, with values encoded as in URLs. */
function headersOf(text: string): Record<string, string> {
  const pairs = text.split(",").filter((pair) => pair.trim() !== "");
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) {
        throw new InvalidInput("OTEL_EXPORTER_OTLP_HEADERS", [
          "expected key=value with commas between them", // the values may be secret
        ]);
      }
      return [pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())];
    }),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a value with a lone %, which older programs accept
  }
}
