/** `digits` divided by 10 to the power of `scale`. */
export interface Decimal {
  digits: bigint;
  scale: number;
}

/** Larger exponents count as this one. */
export const digitsMax = 40;

/** Exact, because a double would have rounding errors. */
export function decimalOf(text: string): Decimal {
  const [mantissa = "", exponent = "0"] = text.toLowerCase().split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const power = Math.max(-digitsMax, Math.min(digitsMax, Number(exponent)));
  const scale = fraction.length - power;
  const digits = BigInt(whole + fraction);
  return scale < 0 ? { digits: digits * 10n ** BigInt(-scale), scale: 0 } : { digits, scale };
}

/** The digits of a number with `to` digits after the point. */
export const scaled = ({ digits, scale }: Decimal, to: number): bigint =>
  digits * 10n ** BigInt(to - scale);

export function decimalText(digits: bigint, scale: number): string {
  const sign = digits < 0n ? "-" : "";
  const text = String(digits < 0n ? -digits : digits).padStart(scale + 1, "0");
  const whole = text.slice(0, text.length - scale);
  const fraction = text.slice(text.length - scale).replace(/0+$/, "");
  return sign + whole + (scale === 0 || fraction === "" ? "" : `.${fraction}`);
}
