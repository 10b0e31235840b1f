/**
 * xz through XZ Embedded, compiled to WebAssembly (xz-decompress): streams one after another, CRC-32 and CRC-64
 * verified. It does not know SHA-256 checks and filters other than LZMA2.
 */
import type { ByteSink, CompressionCounts } from 'imgopt/contracts';
import library from 'xz-decompress';

/** enum xz_ret of xz.h, as far as decoding ends with it. */
const REASONS: Readonly<Record<string, { readonly message: string; readonly isUnsupported?: true }>> = {
  '3': { message: 'its dictionary does not fit into memory', isUnsupported: true },
  '4': { message: 'its dictionary is larger than the decoder allows', isUnsupported: true },
  '5': { message: 'what follows is no xz stream' },
  '6': { message: 'it uses filters or an integrity check that the decoder lacks', isUnsupported: true },
  '7': { message: 'the data is damaged' },
  '8': { message: 'it is cut short, or followed by something else' },
};

/** @throws Error with `code` UNSUPPORTED for features that the library lacks; whatever `input` and `output` throw */
export async function decompressXz(
  input: AsyncIterable<Uint8Array>,
  output: ByteSink,
  signal: AbortSignal,
): Promise<CompressionCounts> {
  const counts = { bytesIn: 0, bytesOut: 0 };
  const iterator = input[Symbol.asyncIterator]();
  const compressed = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done === true) return controller.close();
      counts.bytesIn += next.value.length;
      controller.enqueue(next.value);
    },
  });
  const reader = new library.XzReadableStream(compressed).getReader();
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await read(reader);
      if (done) return counts;
      counts.bytesOut += value.length;
      await output(value);
    }
  } finally {
    await reader.cancel().catch(() => {}); // an error has been thrown already, or there is nothing left
    await iterator.return?.();
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function read(
  reader: Reader,
): Promise<{ done: false; value: Uint8Array } | { done: true; value?: undefined }> {
  try {
    const { done, value } = await reader.read();
    return done ? { done } : { done, value };
  } catch (error) {
    const code = /error code (\d+)$/.exec((error as Error).message)?.[1];
    if (code === undefined) throw error;
    const { message, isUnsupported } = REASONS[code] ?? { message: `the decoder ended with ${code}` };
    throw Object.assign(new Error(message, { cause: error }), isUnsupported ? { code: 'UNSUPPORTED' } : {});
  }
}
