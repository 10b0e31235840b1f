/** The kernel unpacks firmware by itself since 5.3 (xz) and 5.19 (zstd), where its configuration says so. */
import { zstdCompressSync } from 'node:zlib';
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { judgeContent } from '../guest-content.ts';
import { evidenceOf } from '../path-rule.ts';

const SAMPLES = 48;
const SAMPLE_BYTES = 1024 * 1024;
const LEAST = 8 * 1024 * 1024;
const BLOCK = 4096;
const COMPRESSED = /\.(?:xz|zst)$/;

export const compressibleFirmware: RemovalRule = {
  id: 'compressible-firmware',
  title: 'Firmware that could be stored compressed',
  safety: 'risky',
  family: 'platform',
  deep: true,
  description:
    'Uncompressed files in /lib/firmware where the configuration of the kernel that starts (/boot/config-*) has ' +
    'CONFIG_FW_LOADER_COMPRESS: how much zstd would save, from samples. Distributions compress at installation ' +
    '(linux-firmware’s `make install-zst`); packages that own the files write them back.',
  async evaluate({ boot, files, inspection }) {
    const { table } = inspection;
    const config = (await files.read(`/boot/config-${boot.defaultVersion}`)) ?? '';
    const algorithm = /^CONFIG_FW_LOADER_COMPRESS_ZSTD=y/m.test(config)
      ? 'zstd'
      : /^CONFIG_FW_LOADER_COMPRESS(?:_XZ)?=y/m.test(config)
        ? 'xz'
        : undefined;
    if (algorithm === undefined) return [];
    const entries = files
      .tree(files.resolve('/lib/firmware'))
      .filter(
        (entry) =>
          files.isFile(entry) && table.allocated[entry]! > BLOCK && !COMPRESSED.test(files.name(entry)),
      );
    const total = entries.reduce((sum, entry) => sum + table.allocated[entry]!, 0);
    if (total < LEAST) return [];
    let read = 0;
    let packed = 0;
    const step = Math.max(1, entries.length / SAMPLES);
    for (let at = 0; at < entries.length; at += step) {
      const entry = entries[Math.floor(at)]!;
      const sample = await judgeContent(inspection, entry, async (source) => {
        const bytes = new Uint8Array(Math.min(source.size, SAMPLE_BYTES));
        await source.read(bytes, 0);
        return bytes;
      });
      if (sample === undefined) continue;
      read += sample.length;
      packed += zstdCompressSync(sample).length;
    }
    if (read === 0 || packed / read > 0.9) return [];
    const share = packed / read;
    const freed = entries.map((entry) =>
      Math.max(0, table.allocated[entry]! - Math.ceil((table.size[entry]! * share) / BLOCK) * BLOCK),
    );
    return [
      {
        entries,
        freed,
        paths: ['/lib/firmware'],
        commands: [],
        reason: `samples shrink to ${Math.round(share * 100)} %, and the kernel’s configuration says that it unpacks ${algorithm} (${evidenceOf(files, table, entries)})`,
      },
    ];
  },
};
