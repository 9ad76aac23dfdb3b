/** The way a command ends when the user ended it; what was to be saved is saved. Not an error of anyone's. */
export class Interrupted extends Error {}
