import { headerOf, possible, settingEdit, sourcesOfType } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

export const qemuDetectZeroes: LintRule = {
  id: 'qemu-detect-zeroes',
  title: 'QEMU writes zeros out',
  severity: 'info',
  why: 'With disk_detect_zeroes off, blocks that the guest fills with zeros take room in the image until something converts it.',
  fix: 'Set disk_detect_zeroes = "unmap" beside disk_discard = "unmap".',
  example: {
    language: 'source',
    bad: 'disk_discard = "unmap"',
    good: 'disk_discard       = "unmap"\ndisk_detect_zeroes = "unmap"',
  },
  isFixable: true,
  *check(project): Iterable<Found> {
    for (const { block } of sourcesOfType(project, /^qemu$/)) {
      if (block.setting('qemuargs') !== undefined && block.setting('disk_detect_zeroes') === undefined)
        continue;
      const values = possible(block.value('disk_detect_zeroes'));
      if (values.some((value) => value === undefined || value === 'unmap' || value === 'on')) continue;
      const edit = settingEdit(block, 'disk_detect_zeroes', '"unmap"');
      yield {
        place: block.setting('disk_detect_zeroes')?.place ?? headerOf(block),
        message: 'disk_detect_zeroes is not "unmap": zeros that the guest writes take room',
        ...(edit === undefined ? {} : { edits: [edit] }),
      };
    }
  },
};
