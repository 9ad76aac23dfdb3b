/** Object headers: the messages that say what a group or a dataset is. Versions 1 and 2, with continuations. */
import type { ByteReader } from "../bytes.ts";
import { type Hdf5File, letters } from "./bounds.ts";

export const messageTypes = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  externalFiles: 0x07,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
} as const;

export interface Message {
  readonly type: number;
  /** Whether the body says where the message is, instead of being it. */
  readonly isShared: boolean;
  /** A new cursor over the body. */
  readonly body: () => ByteReader;
}

const mostMessages = 100_000;

/** All messages of the object at an address. */
export function readHeader(file: Hdf5File, address: number): Message[] {
  const reader = file.at(address, "an object header");
  const isSecond = reader.left >= 4 && letters(reader) === "OHDR";
  const messages: Message[] = [];
  const blocks: ByteReader[] = [isSecond ? firstBlock(file, reader) : oldBlock(file, reader.seek(address))];
  const flags = isSecond ? file.bytes[address + 5] : 0;
  const seen = new Set<number>([address]);
  for (let block = blocks.shift(); block !== undefined; block = blocks.shift()) {
    const found = isSecond ? newMessages(block, (flags & 4) !== 0) : oldMessages(block);
    for (const message of found) {
      if (messages.length >= mostMessages) file.damaged(`at most ${mostMessages} messages in a header`, "more");
      messages.push(message);
      if (message.type === messageTypes.continuation) blocks.push(continuation(file, message, isSecond, seen));
    }
  }
  return messages;
}

function oldBlock(file: Hdf5File, reader: ByteReader): ByteReader {
  const version = reader.u8();
  if (version !== 1) file.damaged("an object header of version 1 or 2", `version ${version}`);
  const size = reader.skip(7).u32();
  return reader.skip(4).part(size);
}

function firstBlock(file: Hdf5File, reader: ByteReader): ByteReader {
  const version = reader.u8();
  if (version !== 2) file.damaged("an object header of version 2", `version ${version}`);
  const flags = reader.u8();
  if ((flags & 0x20) !== 0) reader.skip(16);
  if ((flags & 0x10) !== 0) reader.skip(4);
  return reader.part(reader.size(1 << (flags & 3)));
}

function continuation(file: Hdf5File, { body }: Message, isSecond: boolean, seen: Set<number>): ByteReader {
  const fields = body();
  const [address, length] = [file.place(fields), file.length(fields)];
  if (seen.has(address)) file.damaged("a header that goes on elsewhere", "one that comes back to itself");
  seen.add(address);
  if (!isSecond) return file.at(address, "the rest of a header").part(length);
  const reader = file.signed(address, "OCHK");
  // The signature before and the checksum behind the messages are part of the length.
  return reader.part(Math.max(0, length - 8));
}

function* oldMessages(block: ByteReader): Generator<Message> {
  while (block.left >= 8) {
    const [type, size, flags] = [block.u16(), block.u16(), block.u8()];
    const body = block.skip(3).part(size);
    const { at } = body;
    yield { type, isShared: (flags & 2) !== 0, body: () => body.seek(at) };
  }
}

function* newMessages(block: ByteReader, hasOrder: boolean): Generator<Message> {
  while (block.left >= (hasOrder ? 6 : 4)) {
    const [type, size, flags] = [block.u8(), block.u16(), block.u8()];
    if (hasOrder) block.skip(2);
    const body = block.part(size);
    const { at } = body;
    yield { type, isShared: (flags & 2) !== 0, body: () => body.seek(at) };
  }
}
