"""The shapes in PyTorch: eager, as its documentation has it; inference in inference_mode."""

import torch
from data import Unsupported, batch_of, inputs_of, normal
from torch import nn

LAYERS = {"simpleRNN": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
CELLS = {"gru": nn.GRUCell, "lstm": nn.LSTMCell}


class Recurrent(nn.Module):
    def __init__(self, layer, inputs):
        super().__init__()
        if layer.get("activation", "tanh") != "tanh":
            raise Unsupported(f"no {layer['activation']} {layer['kind'].upper()}")
        self.sequences = layer.get("sequences", False)
        both = layer.get("bidirectional", False)
        self.inner = LAYERS[layer["kind"]](inputs, layer["units"], batch_first=True, bidirectional=both)

    def forward(self, x):
        outputs = self.inner(x)[0]
        return outputs if self.sequences else outputs[:, -1]


def module_of(layer, inputs):
    if layer["kind"] in LAYERS:
        return Recurrent(layer, inputs)
    if layer["kind"] == "embedding":
        return nn.Embedding(layer["words"], layer["width"])
    if layer["kind"] == "dense":
        return nn.Linear(inputs, layer["units"])
    raise Unsupported(f"no {layer['kind']} here")


def loss_of(name, logits, y):
    if name == "sparseCategoricalCrossentropy":
        return nn.functional.cross_entropy(logits.flatten(0, -2), y.flatten())
    if name == "binaryCrossentropy":
        return nn.functional.binary_cross_entropy_with_logits(logits, y)
    return nn.functional.mse_loss(logits, y)


class Engine:
    unsupported = Unsupported

    def __init__(self, name, threads):
        self.name, self.threads = name, threads
        self.version = torch.__version__.split("+")[0]
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        torch.manual_seed(1)

    def prepare(self, shape, kind):
        return getattr(self, kind)(shape)

    def model(self, shape):
        modules = [module_of(*pair) for pair in zip(shape["layers"], inputs_of(shape))]
        model = nn.Sequential(*modules)
        weights = sum(p.numel() for name, p in model.named_parameters() if "bias" not in name)
        x, y = batch_of(shape)
        y = torch.from_numpy(y)
        if y.dtype == torch.int32:
            y = y.long()
        return model, torch.from_numpy(x), y, {"weights": weights}

    def train(self, shape):
        model, x, y, facts = self.model(shape)
        optimiser = torch.optim.Adam(model.parameters(), fused=True)  # the fastest of its three on a CPU

        def work(times):
            for _ in range(times):
                optimiser.zero_grad()
                loss = loss_of(shape["loss"], model(x), y)
                loss.backward()
                optimiser.step()
                loss.item()

        return work, facts

    def infer(self, shape):
        model, x, _, facts = self.model(shape)

        @torch.inference_mode()
        def work(times):
            for _ in range(times):
                model(x).numpy()

        return work, facts

    def stream(self, shape):
        [layer] = shape["layers"]
        cell = CELLS[layer["kind"]](shape["features"], layer["units"])
        x = torch.from_numpy(normal(1, shape["features"]))

        @torch.inference_mode()
        def work(times):
            zeros = torch.zeros(1, layer["units"])
            state = (zeros, zeros) if layer["kind"] == "lstm" else zeros
            for _ in range(times):
                state = cell(x, state)

        return work, {}

    def matmul(self, shape):
        a, b = [torch.from_numpy(normal(*sides)) for sides in shape["sides"]]

        @torch.inference_mode()
        def work(times):
            for _ in range(times):
                torch.mm(a, b)

        return work, {}
