/** Counted with the last link: a snap that is installed keeps its blocks. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const snapCache: RemovalRule = pathRule({
  id: 'snap-cache',
  title: 'Downloads of snapd',
  safety: 'safe',
  family: 'containers',
  description: '/var/lib/snapd/cache: hard links to snaps, and what is no longer installed.',
  why: 'snapd downloads again; files that are installed snaps too free nothing',
  places: [{ patterns: ['/var/lib/snapd/cache/*'], command: 'rm -rf /var/lib/snapd/cache/*' }],
});
