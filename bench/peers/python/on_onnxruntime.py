"""The shapes in ONNX Runtime, inference and streaming only: one graph of opset 17 made of its LSTM, GRU and RNN nodes."""

import time

import numpy as np
import onnxruntime
from data import GATES, Unsupported, batch_of, gives_sequences, inputs_of, normal
from onnx import TensorProto, helper, numpy_helper

OPS = {"simpleRNN": "RNN", "gru": "GRU", "lstm": "LSTM"}


class Graph:
    """Nodes and weights in the order in which they are added; values have numbers as names."""

    def __init__(self):
        self.nodes, self.weights = [], {}

    def weight(self, value):
        name = f"w{len(self.weights)}"
        self.weights[name] = value
        return name

    def add(self, op, *ins, outs=1, **attributes):
        names = [f"v{len(self.nodes)}_{i}" for i in range(outs)]
        self.nodes.append(helper.make_node(op, list(ins), names, **attributes))
        return names if outs > 1 else names[0]

    def integers(self, *values):
        return self.weight(np.array(values, dtype=np.int64))


def recurrent(graph, layer, inputs, x, state=()):  # x [t,b,in] -> outputs [t,1 or 2,b,units], last state
    directions = 2 if layer.get("bidirectional") else 1
    kind, units = layer["kind"], layer["units"]
    rows = GATES[kind] * units
    weights = [normal(directions, rows, inputs), normal(directions, rows, units), normal(directions, 2 * rows)]
    attributes = {"hidden_size": units, "direction": "bidirectional" if directions == 2 else "forward"}
    if layer.get("activation", "tanh") == "relu":
        attributes["activations"] = ["Sigmoid", "Relu", "Relu"] * directions
    if kind == "gru":
        attributes["linear_before_reset"] = 1
    outs = 3 if kind == "lstm" else 2
    return graph.add(OPS[kind], x, *map(graph.weight, weights), "", *state, outs=outs, **attributes)


def joined(graph, outputs, width):  # [t,directions,b,units] -> [t,b,width]
    turned = graph.add("Transpose", outputs, perm=[0, 2, 1, 3])
    return graph.add("Reshape", turned, graph.integers(0, 0, width))


def pooled(graph, x, size):  # x [t,b,d]
    turned = graph.add("Transpose", x, perm=[1, 2, 0])
    small = graph.add("MaxPool", turned, kernel_shape=[size], strides=[size])
    return graph.add("Transpose", small, perm=[2, 0, 1])


def repeated(graph, x, size, width):  # x [t,b,d] -> [size t,b,d], for one row
    three = graph.add("Concat", *[x] * size, axis=1)
    return graph.add("Reshape", three, graph.integers(-1, 1, width))


def applied(graph, layer, inputs, x, batch):
    kind = layer["kind"]
    if kind in GATES:
        outputs, last, *_ = recurrent(graph, layer, inputs, x)
        width = layer["units"] * (2 if layer.get("bidirectional") else 1)
        if layer.get("sequences"):
            return joined(graph, outputs, width)
        return graph.add("Reshape", last, graph.integers(batch, width))
    if kind == "embedding":
        return graph.add("Gather", graph.weight(normal(layer["words"], layer["width"])), x)
    if kind == "dense":
        z = graph.add("MatMul", x, graph.weight(normal(inputs, layer["units"])))
        z = graph.add("Add", z, graph.weight(normal(layer["units"])))
        return graph.add("Relu", z) if layer.get("activation") == "relu" else z
    return pooled(graph, x, layer["size"]) if kind == "maxPooling" else repeated(graph, x, layer["size"], inputs)


class Engine:
    unsupported = Unsupported

    def __init__(self, name, threads):
        self.name, self.threads, self.version = name, threads, onnxruntime.__version__

    def prepare(self, shape, kind):
        if kind not in ("infer", "stream"):
            raise Unsupported("no training")
        return getattr(self, kind)(shape)

    def session(self, graph, inputs, outputs, threads):
        def value(name, dims=None, kind=TensorProto.FLOAT):
            return helper.make_tensor_value_info(name, kind, dims)

        initial = [numpy_helper.from_array(array, name) for name, array in graph.weights.items()]
        ins = [value(*one) for one in inputs]
        made = helper.make_graph(graph.nodes, "peer", ins, [value(name) for name in outputs], initial)
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        return onnxruntime.InferenceSession(model.SerializeToString(), settings, ["CPUExecutionProvider"])

    def infer(self, shape):
        x, _ = batch_of(shape)
        graph = Graph()
        now = graph.add("Transpose", "x", perm=[1, 0, 2][: x.ndim])
        for layer, inputs in zip(shape["layers"], inputs_of(shape)):
            now = applied(graph, layer, inputs, now, shape["batch"])
        if gives_sequences(shape["layers"]):
            now = graph.add("Transpose", now, perm=[1, 0, 2])
        kind = TensorProto.INT32 if "words" in shape else TensorProto.FLOAT
        session = self.session(graph, [("x", x.shape, kind)], [now], self.threads)

        def work(times):
            for _ in range(times):
                session.run([now], {"x": x})

        return work, {"weights": matrices(graph)}

    def stream(self, shape):
        [layer] = shape["layers"]
        graph, names = Graph(), ["h", "c"][: 2 if layer["kind"] == "lstm" else 1]
        dims = [1, 1, layer["units"]]
        _, *last = recurrent(graph, layer, shape["features"], "x", state=names)
        ins = [("x", [1, 1, shape["features"]]), *[(name, dims) for name in names]]
        feed = {"x": normal(1, 1, shape["features"])}

        def steps_of(session):
            def work(times):
                for name in names:
                    feed[name] = np.zeros(dims, dtype=np.float32)
                for _ in range(times):
                    feed.update(zip(names, session.run(last, feed)))

            return work

        # A second thread helps one row of a wide layer, and only costs a narrow one: the faster of both.
        works = [(steps_of(self.session(graph, ins, last, count)), count) for count in sorted({1, self.threads})]
        work, count = min(works, key=lambda one: seconds_of(one[0]))
        return work, {"threads": count}


def seconds_of(work):
    work(50)
    begin = time.perf_counter()
    work(200)
    return time.perf_counter() - begin


def matrices(graph):
    """Elements of all weights but the biases; those of recurrent nodes have two axes too, [directions, 2 gates units]."""
    biases = {node.input[3] for node in graph.nodes if node.op_type in OPS.values()}
    floats = [(name, w) for name, w in graph.weights.items() if w.dtype == np.float32 and w.ndim > 1]
    return sum(w.size for name, w in floats if name not in biases)
