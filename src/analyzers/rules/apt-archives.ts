/** apt keeps every package that it installed; apt-get clean is what apt itself offers. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const aptArchives: RemovalRule = pathRule({
  id: 'apt-archives',
  title: 'Packages that apt downloaded',
  safety: 'safe',
  family: 'package caches',
  description: 'Downloaded .deb files in /var/cache/apt/archives: apt fetches them again when it needs them.',
  why: 'apt downloads them again when it needs them',
  places: [
    {
      patterns: ['/var/cache/apt/archives/*.deb', '/var/cache/apt/archives/partial/*'],
      command: 'apt-get clean',
    },
  ],
});
