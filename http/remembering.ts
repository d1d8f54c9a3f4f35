/**
 * `compute` with its last results kept, for what many requests say alike: `placesMax` of them at most, then it begins anew. The
 * function must be pure, and a result must not be changed by who gets it.
 */
export function remembering<Key extends string | number, Value>(placesMax: number, compute: (key: Key) => Value): (key: Key) => Value {
  const kept = new Map<Key, Value>();
  return (key) => {
    let value = kept.get(key);
    if (value === undefined) {
      value = compute(key);
      if (kept.size >= placesMax) kept.clear();
      kept.set(key, value);
    }
    return value;
  };
}
