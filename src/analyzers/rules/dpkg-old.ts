/** dpkg and debconf keep one generation of each database. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const dpkgOld: RemovalRule = pathRule({
  id: 'dpkg-old',
  title: 'Backups of the dpkg and debconf databases',
  safety: 'safe',
  family: 'package caches',
  description: '*-old files beside the databases of dpkg and debconf: the state before the last change.',
  why: 'the state before the last change, which only a repair by hand would use',
  places: [
    {
      patterns: ['/var/lib/dpkg/*-old', '/var/cache/debconf/*-old'],
      command: 'rm -f /var/lib/dpkg/*-old /var/cache/debconf/*-old',
    },
  ],
});
