/** The manifest of an OVF package (DSP0243, 6.2): a digest for each file, `SHA256(disk.vmdk)= 3a7f…` a line. */
import { createHash } from 'node:crypto';
import type { BlockSource } from '../../core/contracts/source.ts';

export interface ManifestLine {
  /** As `createHash` names it. */
  readonly algorithm: string;
  readonly file: string;
  readonly digest: string;
  /** What stands before the digest, as it was written. */
  readonly lead: string;
}

const ALGORITHMS: Readonly<Record<string, string>> = {
  SHA1: 'sha1',
  SHA256: 'sha256',
  SHA384: 'sha384',
  SHA512: 'sha512',
};
const PIECE_BYTES = 1024 * 1024;

/** Lines that are no digest (or of an algorithm that nobody uses) have only their text. */
export function parseManifest(text: string): (ManifestLine | string)[] {
  return text.split(/\r?\n/).map((line) => {
    const match = /^(\s*(SHA-?\d+)\s*\((.*)\)\s*=\s*)([0-9a-fA-F]+)\s*$/i.exec(line);
    const algorithm = ALGORITHMS[match?.[2]?.toUpperCase().replace('-', '') ?? ''];
    if (match === null || algorithm === undefined) return line;
    return { lead: match[1]!, algorithm, file: match[3]!, digest: match[4]!.toLowerCase() };
  });
}

/** @param digestOf the digest that a line shall have; undefined leaves it as it is, null leaves it out */
export async function rewriteManifest(
  lines: readonly (ManifestLine | string)[],
  digestOf: (line: ManifestLine) => Promise<string | null | undefined>,
): Promise<string> {
  const written: string[] = [];
  for (const line of lines) {
    if (typeof line === 'string') {
      written.push(line);
      continue;
    }
    const digest = await digestOf(line);
    if (digest !== null) written.push(line.lead + (digest ?? line.digest));
  }
  return written.join('\n');
}

/** Hexadecimal. */
export async function digestOf(
  source: BlockSource,
  algorithm: string,
  onPiece: (bytes: number) => void = () => {},
): Promise<string> {
  const hash = createHash(algorithm);
  const buffer = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, Math.max(1, source.size)));
  for (let at = 0; at < source.size; ) {
    const piece = buffer.subarray(0, Math.min(buffer.length, source.size - at));
    await source.read(piece, at);
    hash.update(piece);
    at += piece.length;
    onPiece(piece.length);
  }
  return hash.digest('hex');
}
