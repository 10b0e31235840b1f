/** `musl-1.2.4-r2`: a name of apk ends where a version begins, which is a digit after a hyphen. */

const FULL = /^(.+)-(\d[\w.+~]*(-r\d+)?)$/;

export interface ApkName {
  readonly name: string;
  readonly version: string;
  /** Ends with a package's release, as all but virtual packages do. */
  readonly isReleased: boolean;
}

/** Null for what is no name with a version. */
export function parseFull(text: string): ApkName | null {
  const match = FULL.exec(text);
  return match === null || /\s/.test(text)
    ? null
    : { name: match[1]!, version: match[2]!, isReleased: match[3] !== undefined };
}
