import { headerOf, possible, settingEdit, sourcesOfType, wordsOf } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import { itemsOf } from '../value.ts';

export const qemuDiscard: LintRule = {
  id: 'qemu-discard',
  title: 'QEMU ignores discards',
  severity: 'warning',
  why: 'Packer attaches the disk with discard=ignore, so fstrim in the guest has no effect and every block that was ever written ships with the image.',
  fix: 'Set disk_discard = "unmap" and run fstrim as the last step.',
  example: {
    language: 'source',
    bad: 'disk_interface = "virtio-scsi"',
    good: 'disk_interface = "virtio-scsi"\ndisk_discard   = "unmap"',
  },
  isFixable: true,
  *check(project): Iterable<Found> {
    for (const { block } of sourcesOfType(project, /^qemu$/)) {
      const drives = itemsOf(block.value('qemuargs')).filter((one) => wordsOf(one)[0] === '-drive');
      if (drives.length > 0) {
        // Packer leaves its own -drive out when the template brings one.
        const texts = drives.map((one) => wordsOf(one)[1] ?? '');
        const disks = texts.filter((text) => !/(?:if=pflash|media=cdrom|readonly=on|\.iso\b)/.test(text));
        const place = block.setting('qemuargs')?.place;
        const first = disks[0];
        if (
          place !== undefined &&
          first !== undefined &&
          first !== '' &&
          !disks.some((text) => text.includes('discard='))
        ) {
          yield {
            place,
            message: 'the -drive of qemuargs lacks discard=unmap: deleted data stays in the image',
          };
        }
        continue;
      }
      const values = possible(block.value('disk_discard'));
      if (values.some((value) => value === undefined || value === 'unmap')) continue;
      const setting = block.setting('disk_discard');
      const edit = settingEdit(block, 'disk_discard', '"unmap"');
      yield {
        place: setting?.place ?? headerOf(block),
        message: 'disk_discard is not "unmap": deleted data stays in the image',
        ...(edit === undefined ? {} : { edits: [edit] }),
      };
    }
  },
};
