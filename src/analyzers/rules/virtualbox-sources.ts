/** Debian’s own virtualbox-guest-dkms owns /usr/src/vboxguest-*; then its package goes instead. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const virtualboxSources: RemovalRule = pathRule({
  id: 'virtualbox-sources',
  title: 'Sources of VirtualBox’ guest additions',
  safety: 'review',
  family: 'platform',
  description:
    '/opt/VBoxGuestAdditions-*/src and /usr/src/vboxguest-*: needed to build modules for a new kernel.',
  why: 'only needed to build the modules again for another kernel',
  places: [
    {
      patterns: ['/opt/VBoxGuestAdditions-*/src', '/usr/src/vboxguest-*'],
      command: 'rm -rf /opt/VBoxGuestAdditions-*/src /usr/src/vboxguest-*',
    },
  ],
});
