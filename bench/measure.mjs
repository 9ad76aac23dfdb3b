/**
 * Measures one row on several engines turn by turn, A B C A B C, and gives the median of each. A turn in which other
 * processes used the machine is taken again while there is time. Not here: the engines (engines.mjs), what is kept (record.mjs).
 */
import { weightsOf } from "./arithmetic.mjs";
import { untilQuiet, watch } from "./machine.mjs";

const turn = 0.15; // seconds of one turn, or one step where that is longer
const warming = 1; // seconds, in which engines optimise what runs often
const quiet = 0.05; // share of a core that others may use in a turn that counts
const patience = 1000; // milliseconds of waiting for a quiet moment before a turn

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/** Prepares and warms; `step` is the milliseconds of one step. */
async function prepare(child, shape, kind) {
  const facts = await child.ask({ do: "prepare", shape, kind });
  if (facts.unsupported !== undefined || facts.missing !== undefined) return { child, facts };
  if (facts.weights !== undefined && facts.weights !== weightsOf(shape))
    return { child, facts: { missing: `another model: ${facts.weights} weights, expected ${weightsOf(shape)}` } };
  const once = { do: "time", times: 1, idle: 0, least: 1, seconds: 0 };
  const first = await child.ask(once);
  if (first.missing !== undefined) return { child, facts: first };
  const [second] = (await child.ask(once)).times;
  if (second > 1000) return { child, facts, step: second, samples: [] };
  const warm = await child.ask({ ...once, seconds: warming });
  return { child, facts, step: median(warm.times), samples: [] };
}

/** One turn of one engine: its samples have another, or it did not survive. */
async function take(one) {
  const { child, step } = one;
  // A call of a few microseconds is measured in hundreds: the clock is no finer.
  const times = Math.max(1, Math.min(500, Math.round(2 / step)));
  const idle = step > 1000 ? 0 : Math.ceil(10 / (step * times));
  const others = watch(child.pid);
  const { missing, times: taken, cores } = await child.ask({ do: "time", times, idle, least: 1, seconds: turn });
  if (missing === undefined) one.samples.push({ times: taken, cores, others: others() });
  else Object.assign(one, { facts: { missing }, samples: undefined });
}

/** The samples of the quiet turns; where there are too few, of the quietest. */
function countedOf(samples) {
  const sorted = samples.toSorted((a, b) => a.others - b.others);
  const good = sorted.filter(({ others }) => others <= quiet);
  return good.length >= 3 ? good : sorted.slice(0, 3);
}

function summary({ child, facts, samples }) {
  const { peer, ...rest } = facts;
  if (samples === undefined) return { engine: child.name, ...rest };
  const counted = countedOf(samples);
  const times = counted.flatMap((one) => one.times);
  return {
    engine: child.name,
    ...rest,
    median: median(times),
    least: Math.min(...times),
    runs: times.length,
    turns: counted.length,
    cores: median(counted.map(({ cores }) => cores)),
    others: Math.max(...counted.map(({ others }) => others)),
  };
}

/** A row on all children, in their order: medians in milliseconds, and the seconds that measuring took. */
export async function measureRow(children, shape, kind, { rounds, seconds }) {
  const all = [];
  for (const child of children) all.push(await prepare(child, shape, kind));
  const begin = performance.now();
  const end = begin + seconds * 1000;
  const wants = ({ samples }) => samples?.filter(({ others }) => others <= quiet).length < rounds;
  for (let round = 0; all.some(wants); round++) {
    for (const one of all.filter(wants)) {
      if (round > 0 && performance.now() + one.step > end) continue;
      await untilQuiet(Math.min(patience, Math.max(0, end - performance.now())));
      await take(one);
    }
    if (performance.now() + Math.min(...all.filter(wants).map(({ step }) => step)) > end) break;
  }
  return { engines: all.map(summary), seconds: (performance.now() - begin) / 1000 };
}
