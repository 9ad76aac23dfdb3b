/** Types of train.mjs. */
export function trainSmall(recurve: object): Promise<{ loss: readonly number[]; outputs: readonly number[] }>;
