import { isOn, sourcesOfType, wordsOf } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

export const slowCompression: LintRule = {
  id: 'slow-compression',
  title: 'Slow compression of a qcow2 image',
  severity: 'info',
  why: 'disk_compression runs qemu-img convert -c with zlib, in order and with few requests at once; zstd with more of them takes a fraction of the time for the same size.',
  fix: 'Give qemu_img_args.convert -W, -m 16 and -o compression_type=zstd, or let imgopt optimize compress.',
  example: {
    language: 'source',
    bad: 'disk_compression = true',
    good: 'disk_compression = true\nqemu_img_args {\n  convert = ["-W", "-m", "16", "-o", "compression_type=zstd"]\n}',
  },
  *check(project): Iterable<Found> {
    for (const { block } of sourcesOfType(project, /^qemu$/)) {
      const setting = block.setting('disk_compression');
      if (setting === undefined || !isOn(block, 'disk_compression')) continue;
      const words = wordsOf(block.nested('qemu_img_args', 'convert'));
      if (
        words.includes('') ||
        words.some((word) => word === '-W' || word === '-m' || word.includes('compression_type=zstd'))
      ) {
        continue;
      }
      yield {
        place: setting.place,
        message: 'compresses with zlib and few requests at once: see qemu_img_args.convert',
      };
    }
  },
};
