/**
 * Text that remembers where it came from.
 *
 * A shell script may be a file, but as often it is pieced together: the items of `inline` joined by line feeds, a
 * heredoc without its indentation, a string with escapes and with `${var.name}` replaced, a block of YAML. The
 * parsers want one plain string, and the user wants the line of the template. `MappedText` is that string with the
 * stretches of files that its parts came from. What only a build knows stands as one `HOLE` character, which every
 * grammar takes for a letter: a word that holds one is dynamic, and rules do not guess about it.
 */

/** Stands for text that is known only when the build runs. From the private use area: no real text holds it. */
export const HOLE = '\ue000';

/** 1-based, columns in UTF-16 units as editors count. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A file as text. */
export class SourceFile {
  /** As the user wrote it, or as it follows from there. */
  readonly path: string;
  readonly text: string;
  private starts: number[] | undefined;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  private get lineStarts(): readonly number[] {
    if (this.starts === undefined) {
      this.starts = [0];
      for (let at = this.text.indexOf('\n'); at >= 0; at = this.text.indexOf('\n', at + 1)) {
        this.starts.push(at + 1);
      }
    }
    return this.starts;
  }

  position(offset: number): Position {
    const starts = this.lineStarts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - starts[low]! + 1 };
  }

  /** Text of a line, without its end; empty outside of the file. */
  line(number: number): string {
    const start = this.lineStarts[number - 1];
    if (start === undefined) return '';
    const end = this.text.indexOf('\n', start);
    return end < 0 ? this.text.slice(start) : this.text.slice(start, end);
  }

  /** Where a line begins. */
  offsetOfLine(line: number): number {
    return this.lineStarts[line - 1] ?? this.text.length;
  }

  place(start: number, end: number): Place {
    return { file: this, start, end };
  }

  /** A stretch of it with its places. */
  mapped(start: number, end: number): MappedText {
    return MappedText.of(this.place(start, end));
  }
}

/** A stretch of a file, half-open, in UTF-16 units. */
export interface Place {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

interface Segment {
  /** Where it starts in the mapped text. */
  readonly at: number;
  readonly length: number;
  readonly place: Place;
  /** Every character stands at its own offset; otherwise the whole segment came from the whole place. */
  readonly isExact: boolean;
}

export class MappedText {
  readonly text: string;
  private readonly segments: readonly Segment[];

  private constructor(text: string, segments: readonly Segment[]) {
    this.text = text;
    this.segments = segments;
  }

  static readonly empty = new MappedText('', []);

  /** A stretch of a file as it is. */
  static of(place: Place): MappedText {
    const text = place.file.text.slice(place.start, place.end);
    return new MappedText(text, [{ at: 0, length: text.length, place, isExact: true }]);
  }

  /** Text that a place stands for: an escape, a variable's value. */
  static made(text: string, place: Place): MappedText {
    return new MappedText(text, [{ at: 0, length: text.length, place, isExact: false }]);
  }

  static join(parts: readonly MappedText[]): MappedText {
    if (parts.length === 1) return parts[0]!;
    const segments: Segment[] = [];
    let at = 0;
    for (const part of parts) {
      for (const one of part.segments) segments.push({ ...one, at: one.at + at });
      at += part.text.length;
    }
    return new MappedText(parts.map((part) => part.text).join(''), segments);
  }

  slice(start: number, end: number): MappedText {
    const segments: Segment[] = [];
    for (const one of this.segments) {
      const from = Math.max(start, one.at);
      const to = Math.min(end, one.at + one.length);
      if (from >= to) continue;
      const { file } = one.place;
      const place = one.isExact
        ? file.place(one.place.start + from - one.at, one.place.start + to - one.at)
        : one.place;
      segments.push({ at: from - start, length: to - from, place, isExact: one.isExact });
    }
    return new MappedText(this.text.slice(start, end), segments);
  }

  /** True where nothing of it is known only to the build. */
  get isStatic(): boolean {
    return !this.text.includes(HOLE);
  }

  /** The stretch of a file that `start` to `end` came from: of the file in which it starts. */
  placeOf(start: number, end: number): Place | undefined {
    let first: Place | undefined;
    let last = 0;
    for (const one of this.segments) {
      if (one.at + one.length < start || (one.at + one.length === start && one.length > 0 && end > start)) {
        continue;
      }
      if (one.at >= end && first !== undefined) break;
      const { place } = one;
      if (first !== undefined && place.file !== first.file) break;
      const from = one.isExact ? place.start + Math.max(0, start - one.at) : place.start;
      const to = one.isExact ? place.start + Math.min(one.length, Math.max(0, end - one.at)) : place.end;
      if (first === undefined) first = place.file.place(from, Math.max(from, to));
      last = Math.max(last, to);
    }
    if (first === undefined) {
      const tail = this.segments.at(-1);
      return tail === undefined ? undefined : tail.place.file.place(tail.place.end, tail.place.end);
    }
    return first.file.place(first.start, Math.max(first.start, last));
  }

  /** The same stretch where every character stands in one file as it is here, so that an edit is possible. */
  exactPlaceOf(start: number, end: number): Place | undefined {
    const place = this.placeOf(start, end);
    if (place === undefined) return undefined;
    return place.file.text.slice(place.start, place.end) === this.text.slice(start, end) ? place : undefined;
  }
}
