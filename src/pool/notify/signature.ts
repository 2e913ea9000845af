import { createHmac } from "node:crypto";

/**
 * The headers of Standard Webhooks for a body. `id` is the same for all attempts. With several
 * secrets, while one replaces another, the body has a signature by each.
 */
export function signatureHeaders(
  id: string,
  seconds: number,
  body: string,
  secrets: readonly Buffer[],
): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const digest = createHmac("sha256", secret).update(`${id}.${seconds}.${body}`).digest("base64");
    return `v1,${digest}`;
  });
  return {
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
    ...(signatures.length === 0 ? {} : { "webhook-signature": signatures.join(" ") }),
  };
}
