/**
 * What one image keeps in memory: grain tables and decoded grains, bounded in bytes over all of its extents.
 * Loads are shared: whoever asks for what is being loaded waits for the same promise.
 */

interface Entry<T> {
  readonly value: Promise<T>;
  readonly bytes: number;
}

export class LoadCache<T> {
  private readonly entries = new Map<number, Entry<T>>();
  private readonly capacity: number;
  private bytes = 0;

  /** `capacity` in bytes. */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** The value of `key`, loaded when it is not there; `bytes` is what it will cost. A failure is not kept. */
  get(key: number, bytes: number, load: () => Promise<T>): Promise<T> {
    const found = this.entries.get(key);
    if (found !== undefined) {
      // A Map keeps the order of insertion: in again means used last.
      this.entries.delete(key);
      this.entries.set(key, found);
      return found.value;
    }
    const entry: Entry<T> = { value: load(), bytes };
    entry.value.catch(() => {
      if (this.entries.get(key) === entry) this.drop(key, entry);
    });
    this.entries.set(key, entry);
    this.bytes += bytes;
    for (const [oldest, old] of this.entries) {
      if (this.bytes <= this.capacity || oldest === key) break;
      this.drop(oldest, old);
    }
    return entry.value;
  }

  has(key: number): boolean {
    return this.entries.has(key);
  }

  clear(): void {
    this.entries.clear();
    this.bytes = 0;
  }

  private drop(key: number, entry: Entry<T>): void {
    this.entries.delete(key);
    this.bytes -= entry.bytes;
  }
}
