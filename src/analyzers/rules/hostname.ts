/** A name that all machines would share. */
import type { HygieneRule } from '../../core/contracts/rule.ts';

const NEUTRAL = /^(?:localhost(?:\.localdomain)?|debian|ubuntu|fedora|alpine|archlinux|rocky|almalinux|)$/;

export const hostname: HygieneRule = {
  id: 'hostname',
  title: 'Host name of the build',
  severity: 'info',
  family: 'hygiene',
  description:
    '/etc/hostname is neither empty nor localhost nor a distribution’s default; clouds set it at first boot.',
  async evaluate({ files }) {
    const name = ((await files.read('/etc/hostname')) ?? '').trim();
    if (NEUTRAL.test(name)) return [];
    return [
      {
        paths: ['/etc/hostname'],
        commands: ['truncate -s 0 /etc/hostname'],
        reason: 'every machine begins with the name of the build',
      },
    ];
  },
};
