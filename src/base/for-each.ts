/**
 * Does the work on each item, `limit` of them at a time. The first failure is thrown, and the `signal` that the others
 * got is aborted; whatever comes of it, nothing is at work any more when this settles.
 */
export async function forEach<T, R>(
  items: Iterable<T>,
  work: (item: T, signal: AbortSignal) => Promise<R>,
  options: { readonly limit?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<R[]> {
  const { signal, limit = Infinity } = options;
  const stop = new AbortController();
  const all = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const todo = [...[...items].entries()];
  const results: R[] = Array.from({ length: todo.length });
  let failed: { readonly error: unknown } | undefined;
  const worker = async () => {
    for (let next = todo.shift(); next !== undefined && failed === undefined; next = todo.shift()) {
      try {
        results[next[0]] = await work(next[1], all);
      } catch (error) {
        failed ??= { error };
        stop.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, todo.length) }, worker));
  if (failed !== undefined) throw (failed as { error: unknown }).error;
  return results;
}
