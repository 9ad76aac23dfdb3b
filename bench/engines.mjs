/**
 * The engines that are measured, in the order of the table: how each is started, which peak it is compared with, and how
 * to get it where it is missing. Recurve stands in it once for each backend and number of threads.
 */
import { fileURLToPath } from "node:url";
import { startChild } from "./child.mjs";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const pythonHint = "Install bench/peers/requirements.txt into a Python, and name it with --python.";

function recurve(backend, threads) {
  const name = `${backend}-${threads}`;
  const environment = { RECURVE_BACKEND: backend, RECURVE_THREADS: String(threads) };
  const start = ({ dist }) =>
    startChild({
      name,
      command: process.execPath,
      args: [at("recurve.mjs"), ...(dist === undefined ? [] : [dist])],
      environment,
      hint: "npm run build",
    });
  return { name, own: true, backend, start };
}

function onPython(name) {
  const start = ({ python, threads }) =>
    startChild({
      name,
      command: python,
      args: [at("peers/python"), name, "--threads", String(threads)],
      hint: pythonHint,
    });
  return { name, own: false, backend: "native", python: true, start };
}

const tfjs = {
  name: "tfjs",
  own: false,
  backend: "wasm",
  start: () =>
    startChild({
      name: "tfjs",
      command: process.execPath,
      args: [at("peers/tfjs.mjs")],
      hint: "Run npm ci in bench/peers.",
    }),
};

export const peers = [...["torch", "keras-tensorflow", "keras-jax", "jax", "onnxruntime"].map(onPython), tfjs];
export const backends = ["wasm", "native"];

/** Recurve on some backends, each on one thread and on `threads`, and some peers, by name. */
export function chooseEngines(threads, ofBackends, ofPeers) {
  const counts = threads === 1 ? [1] : [1, threads];
  return [
    ...ofBackends.flatMap((backend) => counts.map((count) => recurve(backend, count))),
    ...peers.filter(({ name }) => ofPeers.includes(name)),
  ];
}
