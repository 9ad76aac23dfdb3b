/**
 * Which build of Recurve this is. `npm run build` puts a digest of all that it built in the place of the empty text
 * (scripts/stamp.mjs); as sources it stays empty, and nothing is kept for other processes (`runtime/kept.ts`).
 */
export const build: string = "";
