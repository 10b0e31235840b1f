/** `pacman -Scc` asks questions; the folder holds nothing else. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const pacmanCache: RemovalRule = pathRule({
  id: 'pacman-cache',
  title: 'Packages that pacman downloaded',
  safety: 'safe',
  family: 'package caches',
  description: '/var/cache/pacman/pkg: every version that was ever installed.',
  why: 'pacman keeps every package that it installed, and downloads again what it needs',
  places: [{ patterns: ['/var/cache/pacman/pkg/*'], command: 'rm -rf /var/cache/pacman/pkg/*' }],
});
