/** The decompressors as imgopt calls them, on what xz 5.4 and bzip2 1.0.8 made of one line. */
import { describe, expect, it } from 'vitest';
import { DiagnosticLog, RunContext } from '../../../src/core/context.ts';
import { createRegistry } from '../../../src/registry.ts';
import contribute from '../src/contribute.ts';

const TEXT = 'hello, imgopt\n';
const FILES = {
  xz: '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jMAQANaGVsbG8sIGltZ29wdAoAAADNq9YHg90m2wABJg4IG+AEH7bzfQEAAAAABFla',
  bzip2: 'QlpoOTFBWSZTWdvOK8AAAALRgAAQQAQC5sQAIAAimAPUEDQNDWKImgQveF3JFOFCQ284rwA=',
  // xz --check=sha256
  sha256:
    '/Td6WFoAAArh+wyhAgAhARYAAAB0L+WjAQANaGVsbG8sIGltZ29wdAoAAAAJCRKk7xKuaZ/5cqUpvBl4fHLnszoxt0vQ/lBb89yA2wABPg5Rg/uGGJtLmgEAAAAAClla',
};
const bytesOf = (name: keyof typeof FILES): Buffer => Buffer.from(FILES[name], 'base64');

async function decompress(
  name: string,
  chunks: Iterable<Uint8Array>,
  { signal, sink }: { signal?: AbortSignal; sink?: (bytes: Uint8Array) => Promise<void> } = {},
): Promise<string> {
  const { decompressors } = createRegistry([{ owner: 'codecs', contribution: await contribute() }]);
  const decompressor = decompressors!.find((one) => one.name === name)!;
  const context = new RunContext({ log: new DiagnosticLog(), ...(signal === undefined ? {} : { signal }) });
  const pieces: Uint8Array[] = [];
  async function* input(): AsyncGenerator<Uint8Array> {
    yield* chunks;
  }
  const counts = await decompressor.decompress(
    input(),
    sink ?? ((bytes) => void pieces.push(bytes)),
    context,
  );
  const result = Buffer.concat(pieces);
  if (sink === undefined) expect(counts.bytesOut).toBe(result.length);
  return result.toString();
}

describe.each(['xz', 'bzip2'] as const)('%s', (name) => {
  const whole = bytesOf(name);
  /** A thread for each case of bzip2 takes its time. */
  const step = name === 'xz' ? 1 : 5;
  const bytewise = (bytes: Buffer): Uint8Array[] => Array.from(bytes, (byte) => Uint8Array.of(byte));

  it('is recognised by its first bytes, and not by fewer', async () => {
    const { decompressors } = await contribute();
    const one = decompressors!.find((decompressor) => decompressor.name === name)!;
    expect(one.probe(whole.subarray(0, 16))).toBe(true);
    for (let length = 0; length < 6; length++) expect(one.probe(whole.subarray(0, length))).toBe(false);
    expect(one.probe(Buffer.from('BZh9 text that begins so'))).toBe(false);
  });

  it('decodes a stream, in one piece or bytewise, and several one after another', async () => {
    expect(await decompress(name, [whole])).toBe(TEXT);
    expect(await decompress(name, bytewise(whole))).toBe(TEXT);
    expect(await decompress(name, [whole, whole, whole])).toBe(TEXT.repeat(3));
  });

  it('gives no other text, wherever a bit is wrong', async () => {
    let refused = 0;
    const places = Array.from({ length: whole.length - 6 }, (_, i) => i + 6).filter((at) => at % step === 0);
    for (const at of places) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0x10;
      // Some bits mean nothing, such as a code's length of a letter that does not occur: then the text is right.
      const text = await decompress(name, [bytes]).catch(() => undefined);
      expect([undefined, TEXT], `byte ${at}`).toContain(text);
      if (text === undefined) refused++;
    }
    expect(refused).toBeGreaterThan(0.8 * places.length);
  });

  it('finds it cut short wherever it ends', async () => {
    for (let length = whole.length - 1; length >= 6; length -= step)
      await expect(decompress(name, [whole.subarray(0, length)]), `${length} bytes`).rejects.toThrow();
  });

  it('passes on what the output throws, and ends when it is told to', async () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    await expect(decompress(name, [whole], { sink: () => Promise.reject(full) })).rejects.toBe(full);
    const signal = AbortSignal.abort();
    await expect(decompress(name, [whole], { signal })).rejects.toMatchObject({ name: 'AbortError' });
  });
});

it('xz: a check that the decoder lacks is no damage', async () => {
  await expect(decompress('xz', [bytesOf('sha256')])).rejects.toMatchObject({ code: 'UNSUPPORTED' });
});
