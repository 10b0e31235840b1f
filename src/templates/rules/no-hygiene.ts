import type { Identity } from '../operations.ts';
import { completePlans, has, headerOf, MACHINE_BUILDERS } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

const NAMES: readonly (readonly [Identity, string])[] = [
  ['machine-id', 'the machine id (truncate -s 0 /etc/machine-id)'],
  ['ssh-host-keys', 'SSH host keys (rm -f /etc/ssh/ssh_host_*)'],
];

export const noHygiene: LintRule = {
  id: 'no-hygiene',
  title: 'Every machine gets the same identity',
  severity: 'warning',
  why: 'A machine id and SSH host keys that ship with the image are the same on every machine made from it: DHCP leases collide, and whoever has the image can impersonate all of them.',
  fix: 'Reset them in the last step (cloud-init clean --logs --machine-id, rm -f /etc/ssh/ssh_host_*), and see that first boot makes new ones.',
  example: {
    language: 'build',
    bad: 'provisioner "shell" {\n  inline = ["apt-get clean"]\n}',
    good: 'provisioner "shell" {\n  inline = ["apt-get clean", "truncate -s 0 /etc/machine-id", "rm -f /etc/ssh/ssh_host_*"]\n}',
  },
  *check(project): Iterable<Found> {
    for (const plan of completePlans(project, MACHINE_BUILDERS)) {
      const missing = NAMES.filter(
        ([what]) => !has(plan, ({ operation }) => operation.kind === 'reset' && operation.what === what),
      ).map(([, text]) => text);
      // cloud-init makes new host keys for every instance, and its images are cleaned by it.
      const usesCloudInit = has(
        plan,
        ({ operation }) => operation.kind === 'reset' && operation.what === 'cloud-init',
      );
      const told = usesCloudInit ? missing.filter((text) => !text.startsWith('SSH')) : missing;
      if (told.length > 0)
        yield { place: headerOf(plan.build), message: `no step resets ${told.join(' and ')}` };
    }
  },
};
