/** Layers that a build pulled or made. They may be there on purpose: pre-pulled images start faster. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const podmanStore: RemovalRule = pathRule({
  id: 'podman-store',
  title: 'Images and layers of Podman',
  safety: 'risky',
  family: 'containers',
  description:
    '/var/lib/containers: what was pulled or built. Images that were pulled ahead on purpose stay by --not-rule.',
  why: 'pulled again when they are needed; keep what was put there on purpose',
  places: [
    {
      patterns: ['/var/lib/containers/storage', '/var/lib/containers/cache'],
      command: 'rm -rf /var/lib/containers/storage /var/lib/containers/cache',
    },
  ],
});
