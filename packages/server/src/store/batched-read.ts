/**
 * Reads that are asked for in one turn of the event loop, as one statement: a thousand runs that are claimed at once
 * ask for a thousand definitions. Alone, a read waits for nothing but the end of its turn.
 */
export function createBatchedRead<Key, Value>(
  load: (keys: readonly Key[]) => Promise<readonly Value[]>,
  maxBatch: number,
): (key: Key) => Promise<Value> {
  let waiting: { key: Key; resolve: (value: Value) => void; reject: (error: unknown) => void }[] = [];

  async function flush(): Promise<void> {
    const batch = waiting;
    waiting = [];
    for (let start = 0; start < batch.length; start += maxBatch) {
      const slice = batch.slice(start, start + maxBatch);
      try {
        const values = await load(slice.map((item) => item.key));
        slice.forEach((item, index) => {
          const value = values[index];
          if (index < values.length) item.resolve(value as Value);
          else item.reject(new Error('a batched read answered too few'));
        });
      } catch (error) {
        for (const item of slice) item.reject(error);
      }
    }
  }

  return (key) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(() => void flush());
      waiting.push({ key, resolve, reject });
    });
}
