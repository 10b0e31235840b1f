/** Layers that a build pulled or made. They may be there on purpose: pre-pulled images start faster. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const containerdStore: RemovalRule = pathRule({
  id: 'containerd-store',
  title: 'Images and layers of containerd',
  safety: 'risky',
  family: 'containers',
  description:
    '/var/lib/containerd/io.containerd.*: what was pulled or built. Images that were pulled ahead on purpose stay by --not-rule.',
  why: 'pulled again when they are needed; keep what was put there on purpose',
  places: [
    {
      patterns: ['/var/lib/containerd/io.containerd.*'],
      command: 'rm -rf /var/lib/containerd/io.containerd.*',
    },
  ],
});
