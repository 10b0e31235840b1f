/** `zypper clean --all` does the same, and fails without repositories. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const zypperCache: RemovalRule = pathRule({
  id: 'zypper-cache',
  title: 'Metadata and packages that zypper downloaded',
  safety: 'safe',
  family: 'package caches',
  description: '/var/cache/zypp: repository metadata, solver files and packages.',
  why: 'zypper refreshes it when it is called next',
  places: [{ patterns: ['/var/cache/zypp/*'], command: 'rm -rf /var/cache/zypp/*' }],
});
