/** Rolling releases outdate their indexes within a day. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const pacmanSync: RemovalRule = pathRule({
  id: 'pacman-sync',
  title: 'Package databases that pacman synchronised',
  safety: 'safe',
  family: 'package caches',
  description: '/var/lib/pacman/sync: `pacman -Sy` fetches them.',
  why: 'pacman -Sy fetches them anew, and installing from old ones fails anyway',
  places: [{ patterns: ['/var/lib/pacman/sync/*'], command: 'rm -rf /var/lib/pacman/sync/*' }],
});
