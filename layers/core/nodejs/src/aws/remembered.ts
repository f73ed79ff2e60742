import type { Clock } from '../ports/clock.ts';

/**
 * A function whose results are remembered by key until their time. Callers who ask at the same time share one call. A
 * failure is not remembered.
 */
export function remembered<A, V>(
  clock: Clock,
  keyOf: (argument: A) => string,
  make: (argument: A) => Promise<{ readonly value: V; readonly until: number }>,
): (argument: A) => Promise<V> {
  const results = new Map<string, { readonly value: V; readonly until: number }>();
  const pending = new Map<string, Promise<V>>();
  return (argument) => {
    const key = keyOf(argument);
    const known = results.get(key);
    if (known && clock.now() < known.until) return Promise.resolve(known.value);
    const running = pending.get(key);
    if (running) return running;
    const call = make(argument)
      .then((result) => {
        results.set(key, result);
        return result.value;
      })
      .finally(() => pending.delete(key));
    pending.set(key, call);
    return call;
  };
}
