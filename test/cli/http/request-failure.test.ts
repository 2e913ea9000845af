import { expect, test } from "bun:test";

import { requestFailure } from "../../../src/cli/http/request-failure.ts";

const failure = (error: unknown) =>
  requestFailure(error, { server: "the collector", answerMs: 3_000 });

test.each([
  ["CERT_HAS_EXPIRED", "its certificate has expired. Renew it."],
  ["ERR_TLS_CERT_ALTNAME_INVALID", /^its certificate is for another host\. Write the host as /],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", /^its certificate is not trusted .*NODE_EXTRA_CA_CERTS\.$/],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", /^its certificate is not trusted .*NODE_EXTRA_CA_CERTS\.$/],
  ["ECONNREFUSED", /^nothing accepts .* Start the collector, or correct the address\.$/],
  ["EPROTO", "the TLS handshake failed. Correct the address."],
  ["EWHATEVER", "the request failed with EWHATEVER. Correct the address."],
])("the code %s is explained", (code, expected) => {
  const text = failure(Object.assign(new Error("Was there a typo in the url?"), { code }));
  expect(text).toMatch(typeof expected === "string" ? new RegExp(`^${expected}$`) : expected);
});

test("a timeout has its time, and an error of ours its own text", () => {
  expect(failure(new DOMException("", "TimeoutError"))).toBe(
    "no whole answer within 3 s. Check whether it hangs, or a firewall is in between.",
  );
  expect(failure(new Error("the pool has ended"))).toBe("the pool has ended");
});
