/** A page, as the API answers it. */
export interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

/**
 * A list: `await` it for one page, or `for await` over it for every item of this page and the ones after it.
 * Nothing is asked of the server before either is done.
 */
export type PagedList<T> = PromiseLike<Page<T>> & AsyncIterable<T>;

/** A list over `fetchPage`, which is given `undefined` for the first page. */
export function pagedList<T, C>(
  fetchPage: (cursor: C | undefined) => Promise<Page<T>>,
  cursorOf: (nextCursor: string) => C,
): PagedList<T> {
  let first: Promise<Page<T>> | undefined;
  const firstPage = (): Promise<Page<T>> => (first ??= fetchPage(undefined));
  return {
    then: (onPage, onError) => firstPage().then(onPage, onError),
    async *[Symbol.asyncIterator]() {
      let page = await fetchPage(undefined);
      for (;;) {
        yield* page.data;
        if (page.nextCursor === null) return;
        page = await fetchPage(cursorOf(page.nextCursor));
      }
    },
  };
}
