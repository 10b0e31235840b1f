/**
 * What was loaded and used last, up to a bound: decoded blocks, tables, nodes of a tree. Who asks for the same key at
 * the same time shares one load; one that fails is not kept.
 */
export class RecentlyUsed<Key, Value> {
  private readonly capacity: number;
  private held = 0;
  /** The longest unused first. */
  private readonly kept = new Map<Key, { readonly weight: number; readonly value: Promise<Value> }>();

  /** @param capacity in the unit of the weights; one value is kept whatever it weighs */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** The value of a key; `load` is called where it is not kept. */
  get(key: Key, weight: number, load: () => Promise<Value>): Promise<Value> {
    let entry = this.kept.get(key);
    if (entry === undefined) {
      entry = { weight, value: load() };
      const { value } = entry;
      value.catch(() => {
        if (this.kept.get(key)?.value === value) this.drop(key, weight);
      });
      this.held += weight;
    } else this.kept.delete(key);
    this.kept.set(key, entry);
    for (const [oldest, { weight: freed }] of this.kept) {
      if (this.held <= this.capacity || oldest === key) break;
      this.drop(oldest, freed);
    }
    return entry.value;
  }

  private drop(key: Key, weight: number): void {
    this.kept.delete(key);
    this.held -= weight;
  }
}
