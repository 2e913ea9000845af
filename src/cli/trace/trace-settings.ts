import { InvalidInput } from "../../domain/errors.ts";
import type { TraceSampler } from "../../domain/trace-sampler.ts";
import { decodedText, parseHttpUrl, takeLogin } from "../http/http-url.ts";

/** Where spans are sent, and which. */
export interface TraceSettings {
  /** With the path, without a password: `http://localhost:4318/v1/traces`. */
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Attributes of this service. */
  resource: Readonly<Record<string, string>>;
  sampler: TraceSampler;
  /** Variables that were ignored, and why. */
  notes: readonly string[];
}

type TraceEnvironment = Readonly<Record<string, string | undefined>>;

interface TraceFlags {
  /** Where spans are sent. */
  otlp: string | undefined;
  /** The share of the attempts that are traced; undefined for that of the environment. */
  share: number | undefined;
}

const collectorUrl = "the URL of a collector of OTLP over HTTP, such as http://localhost:4318";

/** Of the attempts besides failures and first jobs, if nothing else is said. */
const defaultShare = 0.001;

/**
 * The settings from `--otlp`, or from the variables of OpenTelemetry; null if neither names a
 * collector, or if nothing is to be traced.
 *
 * @throws {InvalidInput} also if a share of the attempts is to be traced, without a collector.
 */
export function traceSettings(
  { otlp, share }: TraceFlags,
  env: TraceEnvironment,
): TraceSettings | null {
  const off = offSwitch(env);
  if (off !== null && otlp === undefined) return null;
  const notes = off === null ? [] : [`${off}: ignored, because --otlp names a collector`];
  const sampler = samplerOf(share, env, notes);
  const full = env["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] ?? "";
  const base = otlp ?? env["OTEL_EXPORTER_OTLP_ENDPOINT"] ?? "";
  const isFull = otlp === undefined && full !== "";
  const hasCollector = isFull || base !== "";
  if (share !== undefined && !hasCollector) {
    throw new InvalidInput("--trace-share", [
      "expected a collector with it (--otlp or OTEL_EXPORTER_OTLP_ENDPOINT), found none",
    ]);
  }
  if (sampler === null || !hasCollector) return null;
  const option =
    otlp !== undefined ? "--otlp" : `OTEL_EXPORTER_OTLP_${isFull ? "TRACES_" : ""}ENDPOINT`;
  const url = parseHttpUrl(isFull ? full : base, option, collectorUrl);
  if (!isFull) url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/traces`;
  const protocol =
    env["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] ?? env["OTEL_EXPORTER_OTLP_PROTOCOL"] ?? "";
  if (!["", "http/json"].includes(protocol)) {
    notes.push(`OTEL_EXPORTER_OTLP_PROTOCOL: spans are sent as http/json, not as ${protocol}`);
  }
  const given = env["OTEL_EXPORTER_OTLP_TRACES_HEADERS"] ?? env["OTEL_EXPORTER_OTLP_HEADERS"] ?? "";
  const headers = { ...takeLogin(url), ...headersOf(given) };
  return { url: url.href, headers, resource: resourceOf(env, notes), sampler, notes };
}

/** The variable that turns traces off; null for none. */
function offSwitch(env: TraceEnvironment): string | null {
  if (env["OTEL_SDK_DISABLED"]?.toLowerCase() === "true") return "OTEL_SDK_DISABLED";
  return env["OTEL_TRACES_EXPORTER"] === "none" ? "OTEL_TRACES_EXPORTER" : null;
}

/** The sampler of `--trace-share`, or of OpenTelemetry's variables; null to trace nothing. */
function samplerOf(
  share: number | undefined,
  env: TraceEnvironment,
  notes: string[],
): TraceSampler | null {
  const name = env["OTEL_TRACES_SAMPLER"] ?? "";
  const usual = { share: share ?? defaultShare, heedsParent: true, keepsNotable: true };
  if (share !== undefined || name === "") return usual;
  const heedsParent = name.startsWith("parentbased_");
  switch (name.replace(/^parentbased_/, "")) {
    case "always_on":
      return { share: 1, heedsParent, keepsNotable: true };
    case "always_off":
      return heedsParent ? { share: 0, heedsParent, keepsNotable: false } : null;
    case "traceidratio":
      return { share: ratioOf(env, notes), heedsParent, keepsNotable: true };
    default:
      notes.push(
        "OTEL_TRACES_SAMPLER: expected always_on, always_off or traceidratio, perhaps after " +
          `parentbased_, found ${JSON.stringify(name)}: ignored`,
      );
      return usual;
  }
}

function ratioOf(env: TraceEnvironment, notes: string[]): number {
  const text = env["OTEL_TRACES_SAMPLER_ARG"] ?? "";
  const ratio = Number(text);
  if (text === "" || (ratio >= 0 && ratio <= 1)) return text === "" ? 1 : ratio;
  notes.push(
    `OTEL_TRACES_SAMPLER_ARG: expected 0 to 1, found ${JSON.stringify(text)}: ignored, so 1`,
  );
  return 1;
}

/** `key=value,key=value`, with values encoded as in URLs; null if it has another form. */
function pairsOf(text: string): Record<string, string> | null {
  const pairs = text.split(",").filter((pair) => pair.trim() !== "");
  if (pairs.some((pair) => pair.indexOf("=") < 1)) return null;
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at).trim(), decodedText(pair.slice(at + 1).trim())];
    }),
  );
}

/** @throws {InvalidInput} without the values, which may be secret. */
function headersOf(text: string): Record<string, string> {
  const option = "OTEL_EXPORTER_OTLP_HEADERS";
  const pairs = pairsOf(text);
  if (pairs === null) {
    throw new InvalidInput(option, ["expected key=value with commas between them"]);
  }
  for (const [name, value] of Object.entries(pairs)) {
    if (/^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e]*$/.test(value)) continue;
    throw new InvalidInput(option, [
      `expected a name and a value that a header can have, found others in number ` +
        `${Object.keys(pairs).indexOf(name) + 1}`,
    ]);
  }
  return pairs;
}

function resourceOf(env: TraceEnvironment, notes: string[]): Record<string, string> {
  const given = pairsOf(env["OTEL_RESOURCE_ATTRIBUTES"] ?? "");
  if (given === null) {
    notes.push("OTEL_RESOURCE_ATTRIBUTES: expected key=value with commas between them: ignored");
  }
  const name = env["OTEL_SERVICE_NAME"] ?? given?.["service.name"] ?? "pdoflow";
  return { ...given, "service.name": name };
}
