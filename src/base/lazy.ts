/** Values that are made when they are first asked for. */

/** Calls `make` once, at the first call. */
export function lazily<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
