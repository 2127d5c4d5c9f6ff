/** Milliseconds. */
const LONG = 1 << 30;

/** What a program waits for, and nothing else keeps it alive for: the channel of a container in the background does not. */
export async function keepingAlive<T>(promise: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, LONG);
  try {
    return await promise;
  } finally {
    clearInterval(timer);
  }
}
