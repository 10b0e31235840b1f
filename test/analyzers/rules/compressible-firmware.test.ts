import { zstdCompressSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { compressibleFirmware } from '../../../src/analyzers/rules/compressible-firmware.ts';
import { describeWithTools } from '../../support/tools.ts';
import { suggestionsOnDisk } from './content.ts';

/** Words drawn from a small dictionary: content that compresses as firmware does, not to nothing. */
function content(seed: number): Buffer {
  let state = seed;
  const words = Array.from({ length: 600_000 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return String.fromCharCode(97 + (state >>> 28));
  });
  return Buffer.from(words.join(''));
}
const firmware = Object.fromEntries(
  Array.from({ length: 16 }, (_, i) => [`lib/firmware/vendor/part-${i}.bin`, content(i + 1)]),
);
const kernel = (config: string) => ({
  'boot/vmlinuz-6.1': Buffer.alloc(100),
  'boot/config-6.1': Buffer.from(config),
});

describeWithTools(['mke2fs'], 'compressible-firmware', () => {
  it('samples what a kernel that unpacks firmware would save', async () => {
    const [found, ...more] = await suggestionsOnDisk(compressibleFirmware, {
      ...firmware,
      ...kernel('CONFIG_FW_LOADER_COMPRESS=y\nCONFIG_FW_LOADER_COMPRESS_ZSTD=y\n'),
    });
    expect(more).toEqual([]);
    const packed = Object.values(firmware).reduce(
      (sum, bytes) => sum + Math.ceil(zstdCompressSync(bytes).length / 4096) * 4096,
      0,
    );
    const stored = Object.values(firmware).reduce(
      (sum, bytes) => sum + Math.ceil(bytes.length / 4096) * 4096,
      0,
    );
    expect(Math.abs(found!.reclaimable - (stored - packed))).toBeLessThan(stored * 0.02);
    expect(found!.reason).toContain('unpacks zstd');
  });

  it('says nothing where the kernel cannot, or it is done', async () => {
    expect(
      await suggestionsOnDisk(compressibleFirmware, {
        ...firmware,
        ...kernel('# CONFIG_FW_LOADER_COMPRESS is not set\n'),
      }),
    ).toEqual([]);
    const done = Object.fromEntries(
      Object.entries(firmware).map(([path, bytes]) => [`${path}.zst`, zstdCompressSync(bytes)]),
    );
    expect(
      await suggestionsOnDisk(compressibleFirmware, {
        ...done,
        ...kernel('CONFIG_FW_LOADER_COMPRESS_ZSTD=y\n'),
      }),
    ).toEqual([]);
  });
});
