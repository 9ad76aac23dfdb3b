/** Sentences that more than one interpretation of a graph must say in the same words. */

/**
 * What an index outside a table says: `name` as in `gather`'s parameters, `last` the largest index allowed. `got` may
 * be a placeholder that a target fills in when it happens.
 */
export function indexMessage(name: string, last: number | string, got: number | string): string {
  const where = name === "" ? "take" : `embedding "${name}"`;
  return `${where}: expected an index from 0 to ${last}, got ${got}. Check the input's values, or give the table more rows.`;
}
