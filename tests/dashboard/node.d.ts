// What the tests use of Node. With @types/node, setTimeout of the page's code would be Node's.

declare module "node:test" {
  export function test(name: string, run: () => void | Promise<void>): void;
}

declare module "node:module" {
  type Context = { parentURL?: string };
  type Resolve = (specifier: string, context: Context) => { url: string };
  export function registerHooks(hooks: { resolve(specifier: string, context: Context, next: Resolve): { url: string } }): void;
}

declare module "node:assert/strict" {
  const assert: {
    ok(value: unknown, message?: string): asserts value;
    equal(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    match(actual: string, expected: RegExp): void;
    throws(run: () => unknown, expected: abstract new (...args: any) => Error): void;
  };
  export default assert;
}
