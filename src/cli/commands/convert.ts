/** `recurve convert`: a model of any format as a file of another one. What the other program can not compute is refused. */
import { OptionError } from "../../base/errors.ts";
import { encodeAs, type Loaded } from "../../io/formats.ts";
import { formatOfName, type WrittenFormat, writtenFormats } from "../../io/index.ts";
import { expectWritable, writeBytes } from "../../io/node/files.ts";
import { unknownName } from "../../nn/index.ts";
import { openAny } from "../openAny.ts";
import type { ConvertOptions } from "../options.ts";
import { groupDigits, type Terminal, wrapText } from "../terminal.ts";

export async function convert(from: string, to: string, options: ConvertOptions, terminal: Terminal): Promise<void> {
  const format = chosenFormat(to, options.to);
  const { cell, assume } = options;
  const like = options.like === undefined ? undefined : (await openAny(options.like, { cell })).model;
  const loaded = await openAny(from, { cell, like, assume });
  const model = expectModel(loaded, from);
  await expectWritable(to);
  const chosen = format === "onnx" ? { state: options.state } : format === "pytorch" ? loaded.modules : {};
  const bytes = encodeAs(model, format, chosen);
  await writeBytes(to, bytes);
  report({ from, to, format, loaded, size: bytes.length, parameters: model.parameterCount }, options, terminal);
}

function chosenFormat(path: string, asked: string | undefined): WrittenFormat {
  if (asked !== undefined) {
    if (Object.hasOwn(writtenFormats, asked)) return asked as WrittenFormat;
    throw unknownName("convert", "format", asked, Object.keys(writtenFormats));
  }
  const format = formatOfName(path);
  if (format !== undefined) return format;
  const endings = Object.values(writtenFormats).flatMap(({ endings: [first] }) => first);
  throw new OptionError(
    `convert: expected a file whose name says its format (${endings.join(", ")}), got "${path}". Rename it, or say the format with --to.`,
    { path },
  );
}

function expectModel({ model, tensors, notes }: Loaded, from: string): NonNullable<Loaded["model"]> {
  if (model !== undefined) return model;
  const got = tensors === undefined ? "a graph that is not made of layers" : "arrays without a model";
  const why = notes.length === 0 ? "" : ` (${notes.join(" ")})`;
  const remedy =
    tensors === undefined
      ? "recurve run runs it as it is"
      : "Say which model the weights are for: --like model.safetensors";
  throw new OptionError(`${from}: expected a model of layers, got ${got}${why}. ${remedy}.`, { from });
}

interface Facts {
  readonly from: string;
  readonly to: string;
  readonly format: WrittenFormat;
  readonly loaded: Loaded;
  readonly size: number;
  readonly parameters: number;
}

function report(
  { from, to, format, loaded, size, parameters }: Facts,
  { json }: ConvertOptions,
  { out, colors }: Terminal,
): void {
  const { notes } = loaded;
  if (json === true) {
    out.write(
      `${JSON.stringify({ from, to, read: loaded.format, written: format, parameters, bytes: size, notes })}\n`,
    );
    return;
  }
  const lines = [
    `${colors.bold(from)}  ${loaded.title}`,
    `${colors.bold(to)}  ${writtenFormats[format].title}, ${groupDigits(parameters)} parameters, ${groupDigits(size)} bytes`,
    ...notes.map((note) => colors.dim(wrapText(note, 80, "  "))),
  ];
  out.write(`${lines.join("\n")}\n`);
}
