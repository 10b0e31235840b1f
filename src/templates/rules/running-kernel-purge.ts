import { operationsOf } from '../operations.ts';
import type { Event, Plan } from '../plan.ts';
import type { Found, LintRule } from '../rule.ts';
import type { Invocation } from '../shell/script.ts';

export const runningKernelPurge: LintRule = {
  id: 'running-kernel-purge',
  title: 'Kernels are purged by what runs',
  severity: 'warning',
  why: 'uname -r names the kernel that runs the build. After an update without a reboot the newer one is what will boot, and a purge of all but the running one removes it.',
  fix: 'Reboot between the update and the purge (expect_disconnect = true), or keep the newest installed kernel by version.',
  example: {
    language: 'build',
    bad: 'provisioner "shell" {\n  inline = [\n    "apt-get -y dist-upgrade",\n    "dpkg --list | awk \'/linux-image-/ { print $2 }\' | grep -v \\"$(uname -r)\\" | xargs apt-get -y purge",\n  ]\n}',
    good: 'provisioner "shell" {\n  expect_disconnect = true\n  inline            = ["apt-get -y dist-upgrade", "reboot"]\n}\nprovisioner "shell" {\n  inline = ["dpkg --list | awk \'/linux-image-/ { print $2 }\' | grep -v \\"$(uname -r)\\" | xargs apt-get -y purge"]\n}',
  },
  *check(project): Iterable<Found> {
    for (const plan of project.plans) {
      let pending: Event | undefined;
      const unames = runningKernels(plan);
      for (const event of plan.events) {
        const { operation } = event;
        if (operation.kind === 'reboot') pending = undefined;
        else if (operation.kind === 'upgrade') pending = event;
        else if (operation.kind === 'remove' && pending !== undefined && operation.invocation !== null) {
          const one = operation.invocation;
          const asks = unames.some(
            (uname) =>
              uname.script === one.script &&
              uname.command.start >= one.pipeline.start &&
              uname.command.end <= one.pipeline.end,
          );
          if (asks) {
            yield {
              place: operation.place,
              message: 'purges kernels by uname -r after an update without a reboot: the new kernel goes',
            };
          }
        }
      }
    }
  },
};

/** Where `uname -r` is asked. */
function runningKernels(plan: Plan): Invocation[] {
  return plan.steps
    .flatMap((step) => step.scripts)
    .flatMap(({ script }) => script.invocations)
    .filter(
      (one) =>
        one.name === 'uname' &&
        one.args.some((arg) => /^-[a-z]*r/.test(arg.text)) &&
        operationsOf(one).length === 0,
    );
}
