import { InvalidInput } from "../domain/errors.ts";

/** A static method that `job` decorates. */
interface DecoratedMethod {
  readonly fn: (...args: never[]) => unknown;
  readonly name: string;
  /** The name of its class, once it is known. */
  className: string | undefined;
}

/**
 * The method that `job` marks if it is used as a decorator: called with the method and its context
 * or, if the compiler has `experimentalDecorators`, with the class, the name and the descriptor.
 * Undefined if it is called as a function.
 *
 * @throws {InvalidInput} it decorates something other than a static method.
 */
export function decoratedMethod(call: readonly unknown[]): DecoratedMethod | undefined {
  const [first, second, third] = call;
  if (typeof second === "string" || typeof second === "symbol") {
    const method: unknown = (third as PropertyDescriptor | undefined)?.value;
    if (typeof first !== "function") throw notStatic(second);
    return methodOf(method, second, first.name);
  }
  const context = Object(second ?? {}) as Partial<ClassMethodDecoratorContext>;
  if (context.kind === undefined) return undefined;
  const { kind, name = "", static: isStatic, private: isPrivate } = context;
  if (kind !== "method" || isStatic !== true || isPrivate === true) throw notStatic(name);
  const method = methodOf(first, name, undefined);
  context.addInitializer?.(function (this: unknown) {
    if (typeof this === "function") method.className = this.name;
  });
  return method;
}

function methodOf(fn: unknown, name: string | symbol, className: string | undefined) {
  if (typeof fn !== "function" || typeof name !== "string") throw notStatic(name);
  return { fn: fn as DecoratedMethod["fn"], name, className };
}

const notStatic = (name: string | symbol) =>
  new InvalidInput("@job", [
    `expected a static method, which a worker can call without an object; found ${String(name)}`,
  ]);
