import { headerOf, isOn, sourcesOfType } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import { staticText, truth } from '../value.ts';

/** VMware's disk types that take all of their size at once (vmware-vdiskmanager -t; names of ESXi). */
const THICK = new Set(['2', '3', '4', 'zeroedthick', 'eagerzeroedthick', 'thick']);

export const noCompaction: LintRule = {
  id: 'no-compaction',
  title: 'The disk is not compacted',
  severity: 'warning',
  why: 'Without compaction or export the artifact is the disk as the build left it, with every block that was ever written; a thick disk takes all of its size.',
  fix: 'Leave skip_compaction and skip_export at false, use a growable disk, and let the disk discard.',
  example: {
    language: 'hcl',
    bad: 'source "vmware-iso" "debian" {\n  iso_url         = "https://example.org/debian.iso"\n  iso_checksum    = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username    = "debian"\n  disk_type_id    = "2"\n  skip_compaction = true\n}\n',
    good: 'source "vmware-iso" "debian" {\n  iso_url      = "https://example.org/debian.iso"\n  iso_checksum = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username = "debian"\n  disk_type_id = "0"\n}\n',
  },
  *check(project): Iterable<Found> {
    for (const { type, block } of sourcesOfType(
      project,
      /^(?:vmware-|virtualbox-|qemu$|parallels-|hyperv-|vsphere-iso$)/,
    )) {
      const compaction = block.setting('skip_compaction');
      if (compaction !== undefined && isOn(block, 'skip_compaction') && !isOn(block, 'disk_compression')) {
        yield {
          place: compaction.place,
          message: 'the artifact keeps every block that the build ever wrote',
        };
      }
      const kind = block.setting('disk_type_id');
      const thick = staticText(kind?.value);
      if (type.startsWith('vmware-') && kind !== undefined && thick !== undefined && THICK.has(thick)) {
        yield { place: kind.place, message: `disk_type_id ${thick} takes all of the disk's size at once` };
      }
      if (type.startsWith('virtualbox-')) {
        const exported = block.setting('skip_export');
        if (exported !== undefined && isOn(block, 'skip_export')) {
          yield {
            place: exported.place,
            message: 'without the export the artifact is the disk as the build left it',
            severity: 'info',
          };
        }
        if (type === 'virtualbox-iso' && truth(block.value('hard_drive_discard')) === false) {
          yield {
            place: block.setting('hard_drive_discard')?.place ?? headerOf(block),
            message: 'the disk takes no discards: fstrim has no effect',
            severity: 'info',
          };
        }
      }
      for (const storage of block.blocks.filter((one) => type === 'vsphere-iso' && one.type === 'storage')) {
        const thin = storage.setting('disk_thin_provisioned');
        if (thin !== undefined && truth(thin.value) === false) {
          yield { place: thin.place, message: 'the disk takes all of its size at once' };
        }
      }
    }
  },
};
