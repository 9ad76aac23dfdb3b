/** When a training ends, and how far it is: by updates, passes over the text, or minutes, whichever comes first. */

export interface Bounds {
  /** In all, with the parts before a resume. */
  readonly steps?: number;
  readonly epochs?: number;
  /** Of training in all. */
  readonly minutes?: number;
}

/** Where a training stands. */
export interface Standing {
  readonly steps: number;
  readonly batchesPerEpoch: number;
  readonly seconds: number;
}

export const defaultMinutes = 5;

/** The bounds that were given; five minutes where none was. */
export function boundsOf({ steps, epochs, minutes }: Bounds): Bounds {
  return steps === undefined && epochs === undefined && minutes === undefined
    ? { minutes: defaultMinutes }
    : { steps, epochs, minutes };
}

/** How much of the training is done, from 0 to 1: of the bound that ends it first. */
export function shareDone({ steps, epochs, minutes }: Bounds, standing: Standing): number {
  const shares = [
    steps === undefined ? 0 : standing.steps / steps,
    epochs === undefined ? 0 : standing.steps / (epochs * standing.batchesPerEpoch),
    minutes === undefined ? 0 : standing.seconds / (60 * minutes),
  ];
  return Math.min(1, Math.max(...shares));
}

/** The part of the learning rate that is left: up over the first 50 steps, then half a cosine down to a twentieth. */
export function rateShare(steps: number, share: number): number {
  const warm = Math.min(1, (steps + 1) / 50);
  return warm * (0.05 + 0.95 * 0.5 * (1 + Math.cos(Math.PI * share)));
}
