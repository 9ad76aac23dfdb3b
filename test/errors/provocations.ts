/** Names of mistakes with code that makes them: each must end in an error of Recurve. `folder` is for files. */
export type Provocations = Readonly<Record<string, (folder: string) => unknown>>;
