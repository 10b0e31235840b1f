/** semodule keeps one generation when save-previous is set. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const selinuxBackups: RemovalRule = pathRule({
  id: 'selinux-backups',
  title: 'Previous SELinux policy stores',
  safety: 'review',
  family: 'backups',
  description: '/var/lib/selinux/*/previous and tmp: what semodule replaced.',
  why: 'what semodule replaced at its last run',
  places: [
    {
      patterns: ['/var/lib/selinux/*/previous', '/var/lib/selinux/*/tmp', '/var/lib/selinux/*/active/*.bak'],
      command: 'rm -rf /var/lib/selinux/*/previous /var/lib/selinux/*/tmp /var/lib/selinux/*/active/*.bak',
    },
  ],
});
