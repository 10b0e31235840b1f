/** subiquity and anaconda write them. */
import type { HygieneRule } from '../../core/contracts/rule.ts';
import { pathHygiene } from '../path-hygiene.ts';

export const kickstartFiles: HygieneRule = pathHygiene({
  id: 'kickstart-files',
  title: 'Answers of the installer',
  severity: 'error',
  description:
    'Kickstart, preseed and autoinstall files with password hashes in /root, /var/log/installer and /var/lib.',
  patterns: [
    '/root/*-ks.cfg',
    '/root/ks.cfg',
    '/root/preseed.cfg',
    '/var/log/installer/autoinstall-user-data',
    '/var/log/installer/user-data',
    '/etc/cloud/cloud.cfg.d/99-installer.cfg',
    '/var/lib/cloud/seed/nocloud*/user-data',
  ],
  command:
    'rm -f /root/*-ks.cfg /root/ks.cfg /root/preseed.cfg /var/log/installer/autoinstall-user-data /var/log/installer/user-data /etc/cloud/cloud.cfg.d/99-installer.cfg',
  why: 'password hashes of the build',
});
