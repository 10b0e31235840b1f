/**
 * Recognises what was renamed because its version changed, so that an upgrade is one line and not a removal and an
 * addition: `linux-image-6.1.0-18-amd64` and `-21-`, `libLLVM-14.so.1` and `libLLVM-15.so.1`,
 * `/usr/lib/python3.11/…` and `3.12`.
 *
 * A name's shape is the name with its version numbers taken out. Of equal shapes, what went and what came are paired
 * in the order of their numbers, the highest with the highest.
 */

/** 6.1.0-18, 3.11, 2.36-9+deb12u4, 1:2.3~rc1: numbers joined by what joins versions. */
const VERSION = /\d+(?:[.\-+~:_](?:\d[0-9a-z]*|rc\d+|deb\d+u?\d*))*/gi;
const NUMBER = /\d+/g;

/** The shape of a package's name, where every number may be a version: libllvm14, gcc-12, python3.11. */
export function shapeOfName(name: string): string {
  return name.replace(VERSION, '#');
}

/**
 * The shape of a path, or undefined when nothing in it is a version: `syslog.1` and `syslog.2` are different files.
 * Versions are numbers with dots (`6.1.0-18-amd64`, `python3.11`), what follows `.so`, and directories that are only
 * a number (`gcc/x86_64-linux-gnu/12`).
 */
export function shapeOfPath(path: string): string | undefined {
  let isVersioned = false;
  const parts = path.split('/').map((part, index, all) => {
    const library = /\.so(\.\d+)+$/.exec(part);
    const isNumber = /^\d+$/.test(part) && index < all.length - 1;
    const dotted = /\d+\.\d/.test(library === null ? part : part.slice(0, library.index));
    if (library === null && !isNumber && !dotted && !/-\d+\.so/.test(part)) return part;
    isVersioned = true;
    return part.replace(VERSION, '#');
  });
  return isVersioned ? parts.join('/') : undefined;
}

/** Compares by the numbers in them, then as text: 6.1.0-9 before 6.1.0-18. */
export function compareNumbers(a: string, b: string): number {
  const left = a.match(NUMBER) ?? [];
  const right = b.match(NUMBER) ?? [];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const one = left[i]!.replace(/^0+/, '');
    const other = right[i]!.replace(/^0+/, '');
    if (one.length !== other.length) return one.length - other.length;
    if (one !== other) return one < other ? -1 : 1;
  }
  return left.length - right.length || (a < b ? -1 : a > b ? 1 : 0);
}

/**
 * Pairs what went with what came.
 * @param shape undefined for names that are never paired
 * @returns the name that went, by the name that came
 */
export function pairVersions(
  gone: readonly string[],
  come: readonly string[],
  shape: (name: string) => string | undefined,
): Map<string, string> {
  const groups = new Map<string, { gone: string[]; come: string[] }>();
  for (const [side, names] of [
    ['gone', gone],
    ['come', come],
  ] as const) {
    for (const name of names) {
      const key = shape(name);
      if (key === undefined) continue;
      const group = groups.get(key) ?? { gone: [], come: [] };
      group[side].push(name);
      groups.set(key, group);
    }
  }
  const pairs = new Map<string, string>();
  for (const group of groups.values()) {
    const before = group.gone.sort(compareNumbers);
    const after = group.come.sort(compareNumbers);
    for (let i = 1; i <= Math.min(before.length, after.length); i++) {
      pairs.set(after.at(-i)!, before.at(-i)!);
    }
  }
  return pairs;
}
