/** The thread that decodes: reads what it asked for, blocking, and hands its output over in pieces. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import Bunzip from 'seek-bzip';
import { INPUT, type Message, OUTPUT_TAKEN } from './bzip2-messages.ts';

/** Pieces of output that may be on their way. */
const OUTSTANDING = 16;
const PIECE_BYTES = 256 * 1024;

const port = parentPort!;
const flags = workerData as Int32Array;
const post = (message: Message, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

let chunk: Uint8Array = new Uint8Array(0);
let at = 0;
let asked = 0;
let isEnd = false;

/** Makes sure that a byte is there; false at the end of the input. */
function fill(): boolean {
  while (at >= chunk.length && !isEnd) {
    post({ kind: 'wants' });
    asked++;
    while (Atomics.load(flags, INPUT) < asked) Atomics.wait(flags, INPUT, asked - 1);
    const received = receiveMessageOnPort(port) as { message: Uint8Array | null };
    isEnd = received.message === null;
    chunk = received.message ?? new Uint8Array(0);
    at = 0;
  }
  return !isEnd;
}

/**
 * The last bytes read. seek-bzip takes an input that ends between two blocks for whole; the end of a stream is √π,
 * its checksum, and up to seven bits to fill a byte.
 */
const tailBytes = new Uint8Array(11);
let tailAt = 0;
const END_OF_STREAM = 0x177245385090n;

function endsWell(): boolean {
  let bits = 0n;
  for (let i = 0; i < tailBytes.length; i++)
    bits = (bits << 8n) | BigInt(tailBytes[(tailAt + i) % tailBytes.length]!);
  for (let filling = 0n; filling < 8n; filling++)
    if (((bits >> (32n + filling)) & 0xffffffffffffn) === END_OF_STREAM) return true;
  return false;
}

const input = {
  readByte(): number {
    if (!fill()) throw new Error('it is cut short');
    const byte = chunk[at++]!;
    tailBytes[tailAt++ % tailBytes.length] = byte;
    return byte;
  },
  read(target: Uint8Array, offset: number, length: number): number {
    for (let i = 0; i < length; i++) target[offset + i] = input.readByte();
    return length;
  },
  eof: (): boolean => !fill(),
};

let piece = new Uint8Array(PIECE_BYTES);
let used = 0;
let sent = 0;

function flush(): void {
  if (used === 0) return;
  for (let taken = Atomics.load(flags, OUTPUT_TAKEN); sent - taken >= OUTSTANDING; ) {
    Atomics.wait(flags, OUTPUT_TAKEN, taken);
    taken = Atomics.load(flags, OUTPUT_TAKEN);
  }
  post({ kind: 'bytes', bytes: piece.subarray(0, used) }, [piece.buffer]);
  sent++;
  piece = new Uint8Array(PIECE_BYTES);
  used = 0;
}

const output = {
  writeByte(byte: number): void {
    piece[used++] = byte;
    if (used === PIECE_BYTES) flush();
  },
  flush(): void {},
};

try {
  Bunzip.decode(input, output, true);
  if (!endsWell()) throw new Error('it is cut short');
  flush();
  post({ kind: 'end' });
} catch (error) {
  post({ kind: 'failed', reason: (error as Error).message });
}
