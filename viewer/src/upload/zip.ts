// Several files as one, so that a large shapefile can be sent in pieces: a zip without compression (APPNOTE 6.3).
// It is put together from slices: the files themselves are never in memory.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});
const UTF8_NAME = 0x0800;
const NEWEST = { time: 0, day: 0x21 }; // 1980-01-01: the time says nothing that anybody asks
/** Beyond this a zip would need its 64-bit form. */
export const MOST_BYTES = 2 ** 32 - 2 ** 20;

/** A stored zip of `files` under their names. */
export async function zipOf(files: readonly File[]): Promise<Blob> {
  const parts: BlobPart[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  for (const file of files) {
    const name = new TextEncoder().encode(file.name.normalize("NFC"));
    const crc = await crc32(file);
    const head = header(0x04034b50, [], file, crc, name, []);
    directory.push(header(0x02014b50, [20], file, crc, name, [0, 0, 0, 0, 0, offset & 0xffff, offset >>> 16]));
    parts.push(head, file);
    offset += head.length + file.size;
  }
  const length = directory.reduce((sum, entry) => sum + entry.length, 0);
  return new Blob([...parts, ...directory, end(files.length, length, offset)], { type: "application/zip" });
}

/** CRC-32 (ISO 3309) of a file, read as a stream. */
export async function crc32(file: Blob): Promise<number> {
  let crc = 0xffffffff;
  const reader = file.stream().getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    for (const byte of piece.value) crc = (TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function header(sign: number, made: number[], file: File, crc: number, name: Uint8Array, rest: number[]) {
  const words = [...made, 20, UTF8_NAME, 0, NEWEST.time, NEWEST.day];
  const tail = [...halves(crc), ...halves(file.size), ...halves(file.size), name.length, 0, ...rest];
  return joined(little([...halves(sign), ...words, ...tail]), name);
}

function end(count: number, length: number, offset: number): Uint8Array<ArrayBuffer> {
  return little([...halves(0x06054b50), 0, 0, count, count, ...halves(length), ...halves(offset), 0]);
}

function halves(value: number): [number, number] {
  return [value & 0xffff, value >>> 16];
}

/** 16-bit numbers, low byte first. */
function little(words: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(words.flatMap((word) => [word & 0xff, word >>> 8]));
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(first.length + second.length);
  out.set(first);
  out.set(second, first.length);
  return out;
}
