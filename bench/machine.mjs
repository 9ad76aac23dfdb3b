/** What machine this is, without names of hosts or people, and whether anybody else is using it just now. */
import { readFileSync } from "node:fs";
import os from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** In words that may be published. */
export function describeMachine() {
  const [{ model }] = os.cpus();
  return {
    processor: model.trim(),
    cores: os.availableParallelism(),
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    system: `${os.type()} ${os.arch()}`,
    node: process.versions.node,
    v8: process.versions.v8,
  };
}

const tick = 10; // milliseconds, of every Linux that reports them

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** Processor time in milliseconds: of everybody, and of one process. Undefined where the system does not say. */
function spent(pid) {
  const [all, own] = [read("/proc/stat"), read(`/proc/${pid}/stat`)];
  if (all === undefined || own === undefined) return undefined;
  const [user, nice, system, , , hard, soft, steal] = all.split("\n", 1)[0].split(/\s+/).slice(1).map(Number);
  const fields = own.slice(own.lastIndexOf(")") + 2).split(" ");
  return { all: (user + nice + system + hard + soft + steal) * tick, own: (+fields[11] + +fields[12]) * tick };
}

/** Begins to watch; the function that it gives says what share of one core others have used since. */
export function watch(pid) {
  const [begin, before] = [performance.now(), spent(pid)];
  return () => {
    const after = spent(pid);
    if (before === undefined || after === undefined) return 0;
    const others = after.all - before.all - (after.own - before.own);
    return Math.max(0, others - tick) / (performance.now() - begin);
  };
}

/** Waits until the machine has been idle for a moment, but not for ever. */
export async function untilQuiet(patience) {
  const end = performance.now() + patience;
  while (performance.now() < end) {
    const others = watch(process.pid);
    await sleep(60);
    if (others() < 0.1) return;
  }
}
