/** Built from the lists; any call of apt writes them again, so this comes after the last one. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const aptPkgcache: RemovalRule = pathRule({
  id: 'apt-pkgcache',
  title: 'Binary caches of apt',
  safety: 'safe',
  family: 'package caches',
  description:
    'pkgcache.bin and srcpkgcache.bin in /var/cache/apt: built from the lists at the next call of apt.',
  why: 'apt builds them at its next call',
  places: [
    {
      patterns: ['/var/cache/apt/pkgcache.bin', '/var/cache/apt/srcpkgcache.bin'],
      command: 'rm -f /var/cache/apt/pkgcache.bin /var/cache/apt/srcpkgcache.bin',
    },
  ],
});
