/**
 * Head and tail of a volume, addressed by offset. A probe must not throw on any input, so whatever lies in
 * neither reads as zeros or as empty text, and a recogniser that needs to know asks `has`.
 */
import type { ProbeInput } from '../../../core/contracts/disk.ts';
import type { FilesystemDriver, FilesystemProbe } from '../../../core/contracts/filesystem.ts';
import { viewOf } from '../../../core/record.ts';
import { decodeField, formatUuid } from '../../../core/text.ts';

export class Window {
  readonly size: number;
  private readonly head: Uint8Array;
  private readonly tail: Uint8Array;

  constructor({ head, tail, size }: ProbeInput) {
    this.head = head;
    this.tail = tail;
    this.size = size;
  }

  /** The bytes, or undefined when they are not all in head or all in tail. */
  bytes(at: number, length: number): Uint8Array | undefined {
    if (at < 0 || !Number.isSafeInteger(at + length)) return undefined;
    if (at + length <= this.head.length) return this.head.subarray(at, at + length);
    const inTail = at - (this.size - this.tail.length);
    return inTail >= 0 && inTail + length <= this.tail.length
      ? this.tail.subarray(inTail, inTail + length)
      : undefined;
  }

  /** As `bytes`, to be changed. (`slice` of a Buffer would be no copy.) */
  copy(at: number, length: number): Uint8Array<ArrayBuffer> | undefined {
    const found = this.bytes(at, length);
    return found === undefined ? undefined : new Uint8Array(found);
  }

  has(at: number, length: number): boolean {
    return this.bytes(at, length) !== undefined;
  }

  /** True when these bytes stand there; `magic` as Latin-1. */
  is(at: number, magic: string): boolean {
    const found = this.bytes(at, magic.length);
    if (found === undefined) return false;
    for (let i = 0; i < magic.length; i++) if (found[i] !== magic.charCodeAt(i)) return false;
    return true;
  }

  private view(at: number, length: number): DataView {
    return viewOf(this.bytes(at, length) ?? new Uint8Array(length));
  }

  u8(at: number): number {
    return this.view(at, 1).getUint8(0);
  }

  u16(at: number, littleEndian = true): number {
    return this.view(at, 2).getUint16(0, littleEndian);
  }

  u32(at: number, littleEndian = true): number {
    return this.view(at, 4).getUint32(0, littleEndian);
  }

  u64(at: number, littleEndian = true): bigint {
    return this.view(at, 8).getBigUint64(0, littleEndian);
  }

  /** Text up to its NUL without trailing blanks; null when there is none. */
  text(at: number, length: number): string | null {
    const found = this.bytes(at, length);
    return found === undefined ? null : orNull(decodeField(found));
  }

  /** UTF-16 up to its NUL without trailing blanks; `length` in bytes. */
  utf16(at: number, length: number, littleEndian = true): string | null {
    const found = this.copy(at, length);
    if (found === undefined) return null;
    if (!littleEndian) Buffer.from(found.buffer).swap16();
    let end = 0;
    while (end + 1 < found.length && (found[end] !== 0 || found[end + 1] !== 0)) end += 2;
    return orNull(utf16Decoder.decode(found.subarray(0, end)).trimEnd());
  }

  /** A UUID of 16 bytes; null when it is all zero. */
  uuid(at: number): string | null {
    const found = this.bytes(at, 16);
    return found === undefined || found.every((byte) => byte === 0) ? null : formatUuid(found);
  }
}

const utf16Decoder = new TextDecoder('utf-16le');

function orNull(text: string): string | null {
  return text === '' ? null : text;
}

/** What a recogniser adds to its own name. */
export interface Found {
  readonly label?: string | null;
  readonly uuid?: string | null;
  /** When one recogniser knows several of blkid's types. */
  readonly type?: string;
  readonly description?: string;
}

/**
 * A driver that only recognises.
 * @param type blkid's TYPE, and the driver's name
 * @param recognise undefined means 'not mine'
 */
export function recogniser(
  type: string,
  usage: FilesystemProbe['usage'],
  recognise: (window: Window) => Found | undefined,
): FilesystemDriver {
  return {
    name: type,
    probe(input) {
      const found = recognise(new Window(input));
      if (found === undefined) return undefined;
      const name = found.type ?? type;
      return {
        certainty: 'certain',
        description: found.description ?? name,
        type: name,
        usage,
        label: found.label ?? null,
        uuid: found.uuid ?? null,
      };
    },
  };
}
