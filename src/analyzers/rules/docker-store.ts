/** Layers that a build pulled or made. They may be there on purpose: pre-pulled images start faster. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const dockerStore: RemovalRule = pathRule({
  id: 'docker-store',
  title: 'Images and layers of Docker',
  safety: 'risky',
  family: 'containers',
  description:
    '/var/lib/docker/overlay2 and its sisters: what was pulled or built. Images that were pulled ahead on purpose stay by --not-rule.',
  why: 'pulled again when they are needed; keep what was put there on purpose',
  places: [
    {
      patterns: [
        '/var/lib/docker/overlay2',
        '/var/lib/docker/aufs',
        '/var/lib/docker/btrfs',
        '/var/lib/docker/vfs',
        '/var/lib/docker/image',
        '/var/lib/docker/volumes',
        '/var/lib/docker/buildkit',
        '/var/lib/docker/containers',
      ],
      command:
        'rm -rf /var/lib/docker/overlay2 /var/lib/docker/aufs /var/lib/docker/btrfs /var/lib/docker/vfs /var/lib/docker/image /var/lib/docker/volumes /var/lib/docker/buildkit /var/lib/docker/containers',
    },
  ],
});
