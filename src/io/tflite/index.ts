/** What the layers above may use of TensorFlow Lite's files: the names, listed by hand. */
export { decodeTflite, type TfliteModel } from "./decode.ts";
export { inspectTflite } from "./inspect.ts";
