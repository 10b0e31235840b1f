/** Indexes age within days: an image that is installed from later has to update them anyway. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const aptLists: RemovalRule = pathRule({
  id: 'apt-lists',
  title: 'Package lists of apt',
  safety: 'safe',
  family: 'package caches',
  description: 'Indexes in /var/lib/apt/lists: `apt-get update` fetches them, and old ones are of no use.',
  why: 'apt-get update fetches them anew, and must before anything is installed',
  places: [
    {
      patterns: ['/var/lib/apt/lists/*_*', '/var/lib/apt/lists/partial/*', '/var/lib/apt/lists/auxfiles/*'],
      command: 'rm -rf /var/lib/apt/lists/*_* /var/lib/apt/lists/partial/* /var/lib/apt/lists/auxfiles/*',
    },
  ],
});
