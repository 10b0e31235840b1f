import { possible } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

export const zeroFillWithDiscard: LintRule = {
  id: 'zero-fill-with-discard',
  title: 'Zero fill where fstrim is enough',
  severity: 'info',
  why: 'Filling the disk with zeros writes all of it and inflates the image while it builds; with disk_discard = "unmap", fstrim does the same in a second.',
  fix: 'Replace dd if=/dev/zero by fstrim -av.',
  example: {
    language: 'build',
    bad: 'provisioner "shell" {\n  inline = ["dd if=/dev/zero of=/zero bs=1M || true", "rm -f /zero"]\n}',
    good: 'provisioner "shell" {\n  inline = ["fstrim -av"]\n}',
  },
  *check(project): Iterable<Found> {
    for (const plan of project.plans) {
      const { sources, hasDynamicSources } = plan.build;
      const discards =
        sources.length > 0 &&
        !hasDynamicSources &&
        sources.every(
          ({ type, block }) =>
            type === 'qemu' && possible(block.value('disk_discard')).every((value) => value === 'unmap'),
        );
      if (!discards) continue;
      for (const { operation } of plan.events) {
        if (operation.kind === 'fill' && operation.invocation?.inside.length === 0) {
          yield {
            place: operation.place,
            message: 'fills the disk with zeros, where fstrim would do: the disk discards',
          };
        }
      }
    }
  },
};
