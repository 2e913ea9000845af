import { resolve } from "node:path";

import type { Provides } from "../../domain/capabilities.ts";
import { InvalidInput } from "../../domain/errors.ts";
import type { AdmissionPolicy } from "../../pool/trust/admission-policy.ts";
import { AllowList } from "../../pool/trust/allow-list.ts";
import { SignaturePolicy } from "../../pool/trust/signature-policy.ts";
import { commandEntryPoint } from "../../pool/worker/command-line.ts";
import { pluralize } from "../output/pluralize.ts";

/** The options of a pool that restrict what it runs. */
interface Restrictions {
  allow: readonly string[] | undefined;
  trust: string | undefined;
  commands: boolean;
  context: { cwd: string };
  say(text: string): void;
}

/**
 * Decides which postings a pool runs; null for all.
 *
 * @throws {InvalidInput} if it would refuse the commands that it is to run.
 */
export function poolPolicy(
  options: Restrictions,
  root: string,
  provides: Provides,
): AdmissionPolicy | null {
  const { allow, commands } = options;
  const signatures = signaturePolicy(options, root, provides);
  if (allow === undefined) return signatures;
  const allowed = new AllowList(allow, signatures);
  if (!commands || allowed.allows(commandEntryPoint)) return allowed;
  throw new InvalidInput("--commands", [
    `with --allow, commands need a pattern too: add --allow '${commandEntryPoint}'`,
  ]);
}

function signaturePolicy(
  options: Restrictions,
  root: string,
  provides: Provides,
): SignaturePolicy | null {
  const { trust, context } = options;
  if (trust === undefined) return null;
  const policy = new SignaturePolicy(resolve(context.cwd, trust), { root, provides });
  options.say(
    `pool: runs only postings that are signed by one of ${pluralize(policy.keyCount, "key")}`,
  );
  return policy;
}
