/**
 * Calls of one service that are under way at once. A turn of hundreds of subjects makes thousands of calls of some milliseconds:
 * one after the other they would outlast its function.
 */
const AT_ONCE = 50;

/**
 * Does the work for all items, some at once (`atOnce`), and answers in their order. When one fails, no other is begun; those under way are
 * waited for, and the first failure is thrown.
 */
export async function eachAtOnce<T, R>(
  items: Iterable<T>,
  work: (item: T) => Promise<R>,
  atOnce = AT_ONCE,
): Promise<R[]> {
  const waiting = [...items].entries();
  const results: R[] = [];
  const failures: unknown[] = [];
  const worker = async () => {
    for (const [index, item] of waiting) {
      if (failures.length > 0) return;
      try {
        results[index] = await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failures.length > 0) throw failures[0];
  return results;
}
