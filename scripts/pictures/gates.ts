/** The picture of docs/formats.md: the blocks of a recurrent kernel in the order in which each program keeps them. */
import { gateOrder, type LayoutName, weightLayouts } from "../../src/nn/index.ts";
import { box, card, ink, label, type Tone } from "./draw.ts";

type Kind = "lstm" | "gru";

/** One colour a gate, whatever the program calls it. */
const tones: Readonly<Record<string, Tone>> = {
  input: "input",
  forget: "wrong",
  cell: "cell",
  output: "output",
  update: "state",
  reset: "input",
  candidate: "cell",
};

const titles: Readonly<Record<LayoutName, string>> = {
  keras: "Recurve, Keras, TF.js",
  pytorch: "PyTorch",
  onnx: "ONNX",
  tensorflow1: "TensorFlow 1",
  tflite: "TensorFlow Lite",
  cudnn: "cuDNN",
};

/** Rows are programs, columns blocks in the order of memory; the same colour is the same gate. */
export function gateOrders(): string {
  const names = Object.keys(titles) as LayoutName[];
  return card("The order in which programs keep the gates of an LSTM and of a GRU", 720, 322, [
    label(232, 36, "LSTM: four blocks", { anchor: "start", color: ink.quiet }),
    label(500, 36, "GRU: three blocks", { anchor: "start", color: ink.quiet }),
    ...names.flatMap((name, row) => [
      label(214, 74 + row * 32, titles[name], { anchor: "end", bold: name === "keras" }),
      ...blocks(name, "lstm", 232, 61 + row * 32),
      ...blocks(name, "gru", 500, 61 + row * 32),
    ]),
    ...legend(),
  ]);
}

function blocks(name: LayoutName, kind: Kind, x: number, y: number): string[] {
  const layout = weightLayouts[name].cells[kind];
  if ("refused" in layout) return [label(x, y + 13, "none", { anchor: "start", size: 12, color: ink.quiet })];
  const gateOf = new Map(Object.entries(layout.letters).map(([gate, letter]) => [letter, gate]));
  const letters = gateOrder(layout).split(", ");
  return letters.map((letter, i) => box([x + i * 60, y, 56, 26], toneOf(gateOf.get(letter)), letter, { code: true }));
}

function toneOf(gate: string | undefined): Tone {
  return tones[gate ?? ""] ?? "none";
}

function legend(): string[] {
  const rows: readonly (readonly [number, readonly (readonly [string, Tone])[]])[] = [
    [
      232,
      [
        ["input", "input"],
        ["forget", "wrong"],
        ["cell", "cell"],
        ["output", "output"],
      ],
    ],
    [
      500,
      [
        ["update", "state"],
        ["reset", "input"],
        ["candidate", "cell"],
      ],
    ],
  ];
  return rows
    .flatMap(([x, entries]) =>
      entries.map(([name, tone], i) => label(x + i * 60 + 28, 268, name, { size: 11, color: ink[tone] })),
    )
    .concat(
      label(
        360,
        298,
        "the same colour is the same gate; within a block every program keeps one column (or row) a unit",
        {
          size: 12,
          color: ink.quiet,
        },
      ),
    );
}
