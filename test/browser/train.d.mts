/** Types of train.mjs. */
export function trainSmall(recurve: object): Promise<{ loss: readonly number[]; outputs: readonly number[] }>;
export function trainLarge(recurve: object): Promise<{
  numbers: {
    history: readonly number[];
    loss: number;
    outputs: readonly number[];
    sync: readonly number[];
  };
  ticks: number;
  threads: { count: number; reason: string };
}>;
