/** Input in pieces of a fixed length: only their boundaries, never the input's own chunking, decide the output. */
import { read } from 'node:fs';
import { type FilePiece, type Piece, SHORT_READ } from './tasks.ts';

/** A piece of nothing but zeros, which takes no memory. */
export interface ZeroPiece {
  readonly zeros: number;
}

/** What is compressed: an open regular file, read in place by whoever compresses, or a stream. */
export type CompressionInput =
  | { readonly fd: number; readonly size: number }
  | { readonly chunks: AsyncIterable<Uint8Array> };

/** What already comes in pieces of the length that is asked for; only the last may be shorter. */
export interface PiecewiseInput {
  pieces(length: number): AsyncIterable<Uint8Array<ArrayBuffer> | ZeroPiece>;
}

/** The stretches of a file; the last may be shorter. */
export function* filePieces(fd: number, size: number, length: number): Generator<FilePiece> {
  for (let offset = 0; offset < size; offset += length) {
    yield { fd, offset, length: Math.min(length, size - offset) };
  }
}

/** Regroups a stream; every piece has a buffer of its own, so that it can move to another thread. */
export async function* streamPieces(
  chunks: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let piece: Uint8Array<ArrayBuffer> | undefined;
  let used = 0;
  for await (const chunk of chunks) {
    let at = 0;
    while (at < chunk.length) {
      piece ??= new Uint8Array(Buffer.allocUnsafeSlow(length).buffer as ArrayBuffer);
      const count = Math.min(length - used, chunk.length - at);
      piece.set(chunk.subarray(at, at + count), used);
      used += count;
      at += count;
      if (used === length) {
        yield piece;
        piece = undefined;
        used = 0;
      }
    }
  }
  if (piece !== undefined) yield piece.subarray(0, used);
}

export function piecesOf(input: CompressionInput, length: number): Iterable<Piece> | AsyncIterable<Piece> {
  return 'fd' in input ? filePieces(input.fd, input.size, length) : streamPieces(input.chunks, length);
}

const READ_BYTES = 1024 * 1024;

/** The bytes of an open file from its start, read one chunk ahead. @throws Error of the system */
export async function* fileChunks(fd: number): AsyncGenerator<Uint8Array> {
  const next = (offset: number): Promise<Uint8Array> => {
    const promise = readAt(fd, Buffer.allocUnsafeSlow(READ_BYTES), offset);
    promise.catch(() => {}); // awaited in its turn
    return promise;
  };
  let reading = next(0);
  for (let offset = 0; ; ) {
    const chunk = await reading;
    if (chunk.length === 0) return;
    offset += chunk.length;
    reading = next(offset);
    yield chunk;
  }
}

/** Fills `target` from an open file. @throws Error of the system, or with SHORT_READ at its end */
export async function readFully(fd: number, target: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < target.length; ) {
    const rest = Buffer.from(target.buffer, target.byteOffset + at, target.length - at);
    const { length } = await readAt(fd, rest, offset + at);
    if (length === 0) throw Object.assign(new Error(`ends at ${offset + at}`), { code: SHORT_READ });
    at += length;
  }
}

function readAt(fd: number, target: Buffer, offset: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    read(fd, target, 0, target.length, offset, (error, count) => {
      if (error === null) resolve(target.subarray(0, count));
      else reject(error);
    });
  });
}
