"""One peer as a child process that answers one request a line: python bench/peers/python <peer> --threads 2.

Requests and answers are JSON lines; bench/child.mjs has the protocol. Not here: the models (on_<peer>.py), the shapes
(bench/shapes.mjs, which come with the requests).
"""

import argparse
import importlib
import json
import os
import sys
import time

PEERS = {
    "torch": "on_torch",
    "keras-tensorflow": "on_keras",
    "keras-jax": "on_keras",
    "jax": "on_jax",
    "onnxruntime": "on_onnxruntime",
}



def set_environment(peer, threads):
    """What must be set before an engine is imported."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["NPROC"] = str(threads)  # the size of XLA's thread pool
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["KERAS_BACKEND"] = "jax" if peer == "keras-jax" else "tensorflow"


def answers(engine, requests):
    """Yields the answer to each request: prepare makes `work`, time calls it."""
    work = None
    for request in requests:
        try:
            if request["do"] == "prepare":
                work = None
                work, facts = engine.prepare(request["shape"], request["kind"])
                yield {"peer": engine.name, "version": engine.version, "threads": engine.threads, **facts}
            else:
                yield timed(work, request)
        except engine.unsupported as error:
            yield {"unsupported": str(error)}


def timed(work, request):
    """Milliseconds of a step in each of some calls, at least `least` and more until `seconds` are over; cores in use."""
    for _ in range(request["idle"]):
        work(request["times"])
    times, start, used = [], time.perf_counter(), time.process_time()
    while len(times) < request["least"] or time.perf_counter() - start < request["seconds"]:
        begin = time.perf_counter()
        work(request["times"])
        times.append((time.perf_counter() - begin) * 1e3 / request["times"])
    return {"times": times, "cores": (time.process_time() - used) / (time.perf_counter() - start)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=list(PEERS))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    set_environment(options.peer, options.threads)
    # Engines write warnings to stdout, which belongs to the answers.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(answer):
        print(json.dumps(answer), file=out, flush=True)

    try:
        engine = importlib.import_module(PEERS[options.peer]).Engine(options.peer, options.threads)
    except ImportError as error:
        say({"missing": str(error)})
        return
    say({"ready": engine.version})
    for answer in answers(engine, map(json.loads, sys.stdin)):
        say(answer)


if __name__ == "__main__":
    main()
