/**
 * One rpm header as the database keeps it: an index of tags over a store of data.
 *
 * The first index entry is usually a *region* (tag 61 to 63): it says that the signed, immutable part of the
 * header ends at its trailer. What rpm adds on installation (install time, states of the files) follows the
 * region as "dribble" entries and replaces tags of the same number, so the later one counts (rpm,
 * lib/header.c, headerImport). Values are read where they lie: the index is walked once, and a string is
 * decoded only when somebody asks for it, because a package's file names are never needed as strings.
 *
 * Every bound is rpm's own (hdrblobVerifyInfo): entries and bytes limited, types known, each value inside the
 * store, each string ended inside it.
 */
import { corrupt } from '../../core/errors.ts';
import { MAX_RPM_HEADER_DATA_BYTES, MAX_RPM_HEADER_ENTRIES } from '../../core/limits.ts';
import { readU64, viewOf } from '../../core/record.ts';
import { HEADER_ENTRY_BYTES, HEADER_INTRO_BYTES, headerIntro, RPM_TYPE } from './layout.ts';

/** Region tags, which frame others rather than say something. */
const LAST_REGION_TAG = 63;

/** Bytes of one value by type; 0 for strings, whose length is where their NUL is. */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 0, 1, 0, 0] as const;

export class RpmHeader {
  private readonly bytes: Buffer;
  private readonly view: DataView;
  /** Where the data store starts and ends in `bytes`. */
  private readonly start: number;
  private readonly end: number;
  /** Tag to the position of its index entry. */
  private readonly index = new Map<number, number>();

  /** Checks the whole index; throws `corrupt` (`RPM_HEADER_…`). The bytes are kept, not copied. */
  constructor(bytes: Uint8Array) {
    const { il, dl } = headerIntro.read(bytes);
    if (il === 0 || il > MAX_RPM_HEADER_ENTRIES || dl > MAX_RPM_HEADER_DATA_BYTES) {
      throw corrupt('RPM_HEADER_SIZE', `the header claims ${il} tags and ${dl} bytes of data`);
    }
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = viewOf(bytes);
    this.start = HEADER_INTRO_BYTES + il * HEADER_ENTRY_BYTES;
    this.end = this.start + dl;
    if (this.end > bytes.length) {
      throw corrupt('RPM_HEADER_SIZE', `the header claims ${this.end} bytes, ${bytes.length} are there`);
    }
    for (let at = HEADER_INTRO_BYTES; at < this.start; at += HEADER_ENTRY_BYTES) {
      const tag = this.view.getUint32(at);
      const type = this.view.getUint32(at + 4);
      const offset = this.view.getUint32(at + 8);
      const count = this.view.getUint32(at + 12);
      if (tag <= LAST_REGION_TAG) continue;
      const size = TYPE_BYTES[type];
      // A string of no characters still has its NUL, so no value is shorter than its count in bytes.
      if (size === undefined || offset > dl || count > dl || offset + count * Math.max(1, size) > dl) {
        throw corrupt(
          'RPM_HEADER_TAG',
          `tag ${tag} (type ${type}, ${count} values at ${offset}) leaves the header`,
        );
      }
      this.index.set(tag, at);
    }
  }

  has(tag: number): boolean {
    return this.index.has(tag);
  }

  /** Values of a tag; 0 when the header does not have it. */
  count(tag: number): number {
    const at = this.index.get(tag);
    return at === undefined ? 0 : this.view.getUint32(at + 12);
  }

  /** The tag's one string (of translated ones the first, which is untranslated), or undefined. */
  string(tag: number): string | undefined {
    let result: string | undefined;
    this.eachString(
      tag,
      (bytes, start, end) => {
        result = bytes.toString('utf8', start, end);
      },
      1,
    );
    return result;
  }

  strings(tag: number): string[] {
    const result: string[] = [];
    this.eachString(tag, (bytes, start, end) => {
      result.push(bytes.toString('utf8', start, end));
    });
    return result;
  }

  /** Calls `visit` with where each string lies, its NUL excluded; at most `limit` of them. */
  eachString(
    tag: number,
    visit: (bytes: Buffer, start: number, end: number, i: number) => void,
    limit = Number.POSITIVE_INFINITY,
  ): void {
    const entry = this.index.get(tag);
    if (entry === undefined) return;
    const type = this.view.getUint32(entry + 4);
    if (type !== RPM_TYPE.string && type !== RPM_TYPE.stringArray && type !== RPM_TYPE.i18nString) {
      throw corrupt('RPM_HEADER_TYPE', `tag ${tag} has type ${type}, a string is expected`);
    }
    const count = Math.min(limit, this.view.getUint32(entry + 12));
    let at = this.start + this.view.getUint32(entry + 8);
    for (let i = 0; i < count; i++) {
      const end = at < this.end ? this.bytes.indexOf(0, at) : -1;
      if (end < 0 || end >= this.end) {
        throw corrupt('RPM_HEADER_STRING', `string ${i} of tag ${tag} has no end within the header`);
      }
      visit(this.bytes, at, end, i);
      at = end + 1;
    }
  }

  /** The tag's numbers, of whatever width; empty when the header does not have it. */
  numbers(tag: number): Float64Array {
    const entry = this.index.get(tag);
    if (entry === undefined) return new Float64Array(0);
    const type = this.view.getUint32(entry + 4);
    const count = this.view.getUint32(entry + 12);
    const size = TYPE_BYTES[type] ?? 0;
    if (size === 0 || type === RPM_TYPE.bin) {
      throw corrupt('RPM_HEADER_TYPE', `tag ${tag} has type ${type}, numbers are expected`);
    }
    const result = new Float64Array(count);
    let at = this.start + this.view.getUint32(entry + 8);
    for (let i = 0; i < count; i++, at += size) {
      if (size === 4) result[i] = this.view.getUint32(at);
      else if (size === 8) result[i] = readU64(this.view, at, false);
      else result[i] = size === 2 ? this.view.getUint16(at) : this.view.getUint8(at);
    }
    return result;
  }

  /** The tag's first number, or undefined. */
  number(tag: number): number | undefined {
    return this.numbers(tag)[0];
  }
}
