import { isOn, sourcesOfType } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import { staticText, truth } from '../value.ts';

export const rawCompression: LintRule = {
  id: 'raw-compression',
  title: 'Compression of a raw image',
  severity: 'warning',
  why: 'With format = "raw" Packer turns compaction and compression off without a word: disk_compression and skip_compaction have no effect.',
  fix: 'Build qcow2 and convert it (imgopt optimize --to raw), or compress the file afterwards (imgopt compress).',
  example: {
    language: 'source',
    bad: 'format           = "raw"\ndisk_compression = true',
    good: 'format           = "qcow2"\ndisk_compression = true',
  },
  *check(project): Iterable<Found> {
    for (const { block } of sourcesOfType(project, /^qemu$/)) {
      if (staticText(block.value('format')) !== 'raw') continue;
      const compression = block.setting('disk_compression');
      if (compression !== undefined && isOn(block, 'disk_compression')) {
        yield { place: compression.place, message: 'disk_compression is ignored for format = "raw"' };
      }
      const compaction = block.setting('skip_compaction');
      if (compaction !== undefined && truth(compaction.value) === false) {
        yield {
          place: compaction.place,
          message: 'a raw image is never compacted: skip_compaction = false is ignored',
        };
      }
    }
  },
};
