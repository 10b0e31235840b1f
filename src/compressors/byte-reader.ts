/** A stream of chunks read by count: for headers, whose length shows only while reading. */
import { corrupt } from '../core/errors.ts';
import { hex } from '../core/text.ts';

export class ByteReader {
  /** Position in the stream of the next byte. */
  offset = 0;
  private readonly iterator: AsyncIterator<Uint8Array>;
  private chunks: Uint8Array[] = [];
  private available = 0;
  private isEnd = false;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.iterator = chunks[Symbol.asyncIterator]();
  }

  private async fill(count: number): Promise<void> {
    while (this.available < count && !this.isEnd) {
      const next = await this.iterator.next();
      if (next.done === true) this.isEnd = true;
      else if (next.value.length > 0) {
        this.chunks.push(next.value);
        this.available += next.value.length;
      }
    }
  }

  /** The next `count` bytes without taking them; fewer at the end. For small counts: they may be copied. */
  async peek(count: number): Promise<Uint8Array> {
    await this.fill(count);
    const first = this.chunks[0];
    if (first === undefined) return new Uint8Array(0);
    if (first.length >= count) return first.subarray(0, count);
    const result = new Uint8Array(Math.min(count, this.available));
    let at = 0;
    for (const chunk of this.chunks) {
      const part = chunk.subarray(0, result.length - at);
      result.set(part, at);
      at += part.length;
    }
    return result;
  }

  /** Takes up to `limit` bytes that are at hand, or the next chunk; undefined at the end. */
  async take(limit = Number.POSITIVE_INFINITY): Promise<Uint8Array | undefined> {
    await this.fill(1);
    const first = this.chunks[0];
    if (first === undefined) return undefined;
    const taken = first.length > limit ? first.subarray(0, limit) : first;
    if (taken.length === first.length) this.chunks.shift();
    else this.chunks[0] = first.subarray(taken.length);
    this.available -= taken.length;
    this.offset += taken.length;
    return taken;
  }

  /** Gives bytes back, which must be the last ones taken. */
  untake(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.chunks.unshift(bytes);
    this.available += bytes.length;
    this.offset -= bytes.length;
  }

  /** Takes exactly `length` bytes into `target` from `at` on. @throws ImgoptError (corrupt) at the end */
  async readInto(target: Uint8Array, at: number, length: number): Promise<void> {
    for (let done = 0; done < length; ) {
      const part = await this.take(length - done);
      if (part === undefined) throw this.truncated();
      target.set(part, at + done);
      done += part.length;
    }
  }

  /** Takes exactly `length` bytes. */
  async read(length: number): Promise<Uint8Array> {
    const target = new Uint8Array(length);
    await this.readInto(target, 0, length);
    return target;
  }

  /** Passes over `length` bytes. */
  async skip(length: number): Promise<void> {
    for (let rest = length; rest > 0; ) {
      const part = await this.take(rest);
      if (part === undefined) throw this.truncated();
      rest -= part.length;
    }
  }

  truncated(): Error {
    return corrupt('TRUNCATED', `ends at byte ${hex(this.offset)}, in the middle of compressed data`, {
      advice: 'it was cut short: copy or build it again',
    });
  }

  async close(): Promise<void> {
    await this.iterator.return?.();
  }
}
