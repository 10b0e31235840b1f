/** Writes an archive (ustar, as OVF wants it) as a stream of bytes, one member after another. */
import { type Header, pack } from 'tar-stream';
import type { Context } from '../core/contracts/context.ts';
import type { PackedMember } from '../core/contracts/disk.ts';

const PIECE_BYTES = 1024 * 1024;

/** The same members give the same bytes. Whatever reading a member throws comes out. */
export async function* writeTar(
  members: readonly PackedMember[],
  context: Context,
): AsyncGenerator<Uint8Array> {
  const archive = pack();
  const total = members.reduce((sum, { source }) => sum + (source?.size ?? 0), 0);
  const task = context.progress.start('writing the archive', total);
  const feeding = feed(archive, members, context, (bytes) => task.advance(bytes)).catch((error: unknown) => {
    archive.destroy(error as Error);
  });
  try {
    for await (const chunk of archive) yield chunk as Uint8Array;
    await feeding;
  } finally {
    archive.destroy();
    task.done();
  }
}

type Pack = ReturnType<typeof pack>;

async function feed(
  archive: Pack,
  members: readonly PackedMember[],
  context: Context,
  onPiece: (bytes: number) => void,
): Promise<void> {
  for (const { name, mode, uid, gid, modified, source } of members) {
    const header: Partial<Header> & Pick<Header, 'name'> = {
      name,
      mode,
      uid,
      gid,
      mtime: new Date(modified * 1000),
      type: source === null ? 'directory' : 'file',
      size: source?.size ?? 0,
    };
    await new Promise<void>((resolve, reject) => {
      const entry = archive.entry(header, (error) => (error == null ? resolve() : reject(error)));
      if (source === null || source.size === 0) {
        if (source !== null) entry.end(null);
        return;
      }
      const copy = async (): Promise<void> => {
        for (let at = 0; at < source.size; ) {
          context.signal.throwIfAborted();
          const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, source.size - at));
          await source.read(piece, at);
          if (!entry.write(piece)) await new Promise<void>((go) => entry.once('drain', () => go()));
          at += piece.length;
          onPiece(piece.length);
        }
        entry.end(null);
      };
      copy().catch(reject);
    });
  }
  archive.finalize();
}
