/**
 * Diversions: files that are installed under another name, because another package or the administrator has taken
 * the name (dpkg-divert(1)). The file has three lines each: the name, where it goes, and who diverts; `:` is the
 * administrator, `*` anybody.
 */

export interface Diversion {
  readonly to: string;
  /** The package whose own file keeps the name. */
  readonly by: string;
}

/** By folder, then by name in it: most folders have none, and their files are not looked up one by one. */
export type Diversions = ReadonlyMap<string, ReadonlyMap<string, Diversion>>;

/** The content of the diversions file; what is cut off at its end is left out. */
export function readDiversions(bytes: Uint8Array | undefined): Diversions {
  const diversions = new Map<string, Map<string, Diversion>>();
  if (bytes === undefined) return diversions;
  const lines = new TextDecoder().decode(bytes).split('\n');
  for (let i = 0; i + 2 < lines.length; i += 3) {
    const path = lines[i]!;
    const cut = path.lastIndexOf('/');
    if (cut < 0) continue;
    const folder = cut === 0 ? '/' : path.slice(0, cut);
    let names = diversions.get(folder);
    if (names === undefined) {
      names = new Map();
      diversions.set(folder, names);
    }
    names.set(path.slice(cut + 1), { to: lines[i + 1]!, by: lines[i + 2]! });
  }
  return diversions;
}
