/** An image that stores its clusters as they are. Sampled, so that the saving is a number and not a promise. */
import { zstdCompressSync } from 'node:zlib';
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { isArtifactError } from '../../core/errors.ts';

/** Enough for a few per cent, few enough that nobody waits for them. */
const SAMPLES = 24;
const SAMPLE_BYTES = 64 * 1024;
/** Formats that can hold compressed clusters, and what the saving is bought with. */
const COMPRESSING = new Set(['qcow2', 'vmdk']);
const LEAST = 16 * 1024 * 1024;

export const uncompressedImage: RemovalRule = {
  id: 'uncompressed-image',
  title: 'Clusters that are not compressed',
  safety: 'review',
  family: 'disk',
  description:
    'A qcow2 or VMDK image without compressed clusters: how much zstd would save, from samples of its data. Readers ' +
    'decompress as they go; writes of the guest go to uncompressed clusters.',
  async evaluate({ inspection, books }) {
    const { disk, artifact } = inspection;
    if (books === null || disk === undefined || !COMPRESSING.has(disk.format)) return [];
    const data: { start: number; end: number }[] = [];
    let total = 0;
    try {
      for await (const batch of disk.source.extents()) {
        for (const { kind, compressed, stored, start, end } of batch) {
          if (compressed === true) return [];
          if (kind !== 'data' || stored === 0) continue;
          data.push({ start, end });
          total += end - start;
        }
      }
      const live = books.files.bytes + books.metadata.bytes;
      if (live < LEAST || total === 0) return [];
      const pieces: { from: number; length: number }[] = [];
      let passed = 0;
      let at = 0;
      for (let i = 0; i < SAMPLES; i++) {
        const wanted = ((i + 0.5) / SAMPLES) * total;
        while (at + 1 < data.length && passed + data[at]!.end - data[at]!.start <= wanted) {
          passed += data[at]!.end - data[at]!.start;
          at++;
        }
        const { start, end } = data[at]!;
        const within = Math.floor((wanted - passed) / SAMPLE_BYTES) * SAMPLE_BYTES;
        const from = Math.max(start, Math.min(end - SAMPLE_BYTES, start + within));
        pieces.push({ from, length: Math.min(SAMPLE_BYTES, end - from) });
      }
      const samples = await Promise.all(
        pieces.map(async ({ from, length }) => {
          const sample = new Uint8Array(length);
          await disk.source.read(sample, from);
          return sample;
        }),
      );
      const read = samples.reduce((sum, sample) => sum + sample.length, 0);
      const packed = samples.reduce((sum, sample) => sum + zstdCompressSync(sample).length, 0);
      const share = 1 - Math.min(1, packed / read);
      if (share * live < LEAST / 4) return [];
      return [
        {
          share,
          paths: [artifact.path],
          commands: [],
          reason: `imgopt optimize, or disk_compression in Packer: ${SAMPLES} samples shrink to ${Math.round((packed / read) * 100)} % with zstd, of what would be left after everything else`,
        },
      ];
    } catch (error) {
      if (!isArtifactError(error)) throw error;
      return []; // what cannot be read is reported elsewhere
    }
  },
};
