import { completePlans, DISK_BUILDERS, headerOf } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

export const noTrim: LintRule = {
  id: 'no-trim',
  title: 'Nothing gives deleted blocks back',
  severity: 'warning',
  why: 'Deleting a file leaves its blocks in the image. Only discarding the unused ones (or filling them with zeros) makes the artifact smaller.',
  fix: 'Run fstrim -av in the last provisioner, after every clean-up.',
  example: {
    language: 'build',
    bad: 'provisioner "shell" {\n  inline = ["apt-get clean"]\n}',
    good: 'provisioner "shell" {\n  inline = ["apt-get clean", "fstrim -av"]\n}',
  },
  *check(project): Iterable<Found> {
    for (const plan of completePlans(project, DISK_BUILDERS)) {
      // A script that works on the artifact may drop its unused blocks, as imgopt optimize does.
      if (plan.build.postProcessors.flat().some((one) => one.labels[0] === 'shell-local')) continue;
      const last = plan.events.findLastIndex(
        ({ operation }) => operation.kind === 'trim' || operation.kind === 'fill',
      );
      const trim = plan.events[last];
      if (trim === undefined) {
        yield {
          place: headerOf(plan.build),
          message:
            'no step runs fstrim or fills unused blocks with zeros: what was deleted ships with the image',
        };
        continue;
      }
      const later = plan.events
        .slice(last + 1)
        .find(
          ({ operation, step }) =>
            step < plan.steps.length &&
            !operation.isConditional &&
            (operation.kind === 'clean' || operation.kind === 'remove' || operation.kind === 'autoremove'),
        );
      if (later !== undefined) {
        yield {
          place: later.operation.place,
          message: 'this deletes after the last fstrim or zero fill, so its blocks stay in the image',
        };
      }
    }
  },
};
