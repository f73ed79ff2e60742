/** A page of a list, and the token for the next one. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string;
}

/** The page at a token: at most `most` items. Undefined for what is no token of this list. */
export function pageOf<Item>(all: readonly Item[], token: string | undefined, most: number): Page<Item> | undefined {
  const start = Number(token ?? 0);
  if (!Number.isInteger(start) || start < 0) return undefined;
  const end = start + most;
  return { items: all.slice(start, end), ...(end < all.length ? { next: String(end) } : {}) };
}
