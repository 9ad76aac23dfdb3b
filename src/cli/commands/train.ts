/** `recurve train`: text in, a model file and a comparison out. */
import type { TrainOptions } from "../options.ts";
import { shellWord, type Terminal } from "../terminal.ts";
import { jsonWatcher } from "../text/lines.ts";
import { planResume, planTraining } from "../text/plan.ts";
import { quietWatcher, screenWatcher } from "../text/screen.ts";
import { trainText } from "../text/training.ts";
import type { Watcher } from "../text/watcher.ts";

/** `given` names the options that were on the command line, since the others come from the checkpoint when resuming. */
export async function train(
  paths: readonly string[],
  options: TrainOptions,
  given: readonly string[],
  terminal: Terminal,
): Promise<void> {
  const plan =
    options.resume === undefined
      ? await planTraining(paths, options, terminal)
      : await planResume(paths, options, given, terminal);
  await trainText(plan, watcherFor(options, terminal), terminal);
  if (options.json === true || options.quiet === true) return;
  terminal.out.write(
    `\n  Let it write:  ${terminal.colors.bold(`${terminal.program} generate ${shellWord(plan.out)}`)}\n\n`,
  );
}

function watcherFor({ json, quiet }: TrainOptions, terminal: Terminal): Watcher {
  if (json === true) return jsonWatcher(terminal.out);
  return quiet === true ? quietWatcher(terminal) : screenWatcher(terminal);
}
