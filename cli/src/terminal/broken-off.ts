const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Does some work that clears up after itself when it is broken off, by Ctrl-C or a SIGTERM. The second time, the process ends at
 * once, as it does without this.
 * @param work is told by the signal.
 */
export async function untilBrokenOff<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const breaking = new AbortController();
  const stopListening = () => {
    for (const name of SIGNALS) process.off(name, stop);
  };
  const stop = () => {
    stopListening();
    breaking.abort();
  };
  for (const name of SIGNALS) process.on(name, stop);
  try {
    return await work(breaking.signal);
  } finally {
    stopListening();
  }
}
