/** A defect in this program, never the client's fault: stop before it is journaled. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
