import { operationsOf } from '../operations.ts';
import { imageCommands } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

/** Filesystems in memory on current systems: /tmp is one on Fedora, Arch and Debian 13. */
const IN_MEMORY = /^\/(?:tmp|run|dev\/shm|var\/run)(?:\/|$)/;

export const zeroFillTarget: LintRule = {
  id: 'zero-fill-target',
  title: 'Zero fill of the wrong filesystem',
  severity: 'warning',
  why: '/tmp is in memory on many systems, so a zero fill there fills the memory and no disk; a fill of / alone leaves /home, /var and /boot as they are where these are filesystems of their own.',
  fix: 'Use fstrim -av, which finds every filesystem, or fill a file in the root of each.',
  example: {
    language: 'build',
    bad: 'provisioner "shell" {\n  inline = ["dd if=/dev/zero of=/tmp/whitespace bs=1M || true", "rm -f /tmp/whitespace"]\n}',
    good: 'provisioner "shell" {\n  inline = ["dd if=/dev/zero of=/whitespace bs=1M || true", "rm -f /whitespace"]\n}',
  },
  *check(project): Iterable<Found> {
    for (const one of imageCommands(project)) {
      for (const operation of operationsOf(one)) {
        if (operation.kind === 'fill' && operation.target !== null && IN_MEMORY.test(operation.target)) {
          yield {
            place: operation.place,
            message: `${operation.target} is in memory where /tmp is a tmpfs: the fill takes memory and frees no disk`,
          };
        }
      }
    }
    for (const plan of project.plans) {
      const mounts = plan.seeds
        .flatMap((seed) => seed.mounts)
        .filter((mount) => mount !== '/' && mount !== '/boot/efi');
      const fills = plan.events.filter(({ operation }) => operation.kind === 'fill');
      const targets = fills.map(({ operation }) => (operation.kind === 'fill' ? operation.target : null));
      if (mounts.length === 0 || fills.length === 0 || targets.includes(null)) continue;
      if (plan.events.some(({ operation }) => operation.kind === 'trim')) continue;
      const missed = [...new Set(mounts)].filter(
        (mount) => !targets.some((target) => target?.startsWith(`${mount}/`)),
      );
      if (missed.length > 0) {
        const place = fills[0]!.operation.place;
        yield {
          place,
          message: `fills no file on ${missed.join(', ')}, which the installer makes filesystems of their own`,
        };
      }
    }
  },
};
