import { cleans } from '../operations.ts';
import { completePlans, MACHINE_BUILDERS } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

const CACHING = new Set(['dpkg', 'rpm', 'pacman', 'apk']);
const NAMES: Record<string, string> = {
  dpkg: 'apt-get clean',
  rpm: 'dnf clean all',
  pacman: 'pacman -Scc',
  apk: 'apk cache clean',
};

export const cleanNotLast: LintRule = {
  id: 'clean-not-last',
  title: 'Package caches are not cleaned last',
  severity: 'warning',
  why: 'What is installed or updated after the caches were cleaned fills them again; without any cleaning all of the downloads ship with the image.',
  fix: 'Clean the caches once, after the last installation: apt-get clean and rm -rf /var/lib/apt/lists/*, or dnf clean all.',
  example: {
    language: 'build',
    bad: 'provisioner "shell" {\n  inline = ["apt-get clean", "apt-get install -y --no-install-recommends jq"]\n}',
    good: 'provisioner "shell" {\n  inline = ["apt-get install -y --no-install-recommends jq", "apt-get clean"]\n}',
  },
  *check(project): Iterable<Found> {
    for (const plan of completePlans(project, MACHINE_BUILDERS)) {
      for (const manager of CACHING) {
        const installs = plan.events.filter(
          ({ operation, step }) =>
            step >= 0 &&
            (operation.kind === 'install' || operation.kind === 'upgrade') &&
            operation.manager === manager &&
            !(operation.kind === 'install' && operation.noCache),
        );
        const last = installs.at(-1);
        if (last === undefined) continue;
        const cleaning = plan.events.findLastIndex(({ operation }) => cleans(operation).includes(manager));
        if (cleaning < 0) {
          yield {
            place: last.operation.place,
            message: `no step cleans the package cache after this: ${NAMES[manager]}`,
          };
          continue;
        }
        const later = plan.events
          .slice(cleaning + 1)
          .find((one) => installs.includes(one) && !one.operation.isConditional);
        if (later !== undefined) {
          yield {
            place: later.operation.place,
            message: 'comes after the package cache was cleaned for the last time',
          };
        }
      }
    }
  },
};
