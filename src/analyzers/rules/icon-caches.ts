/** Written by triggers, owned by nobody. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const iconCaches: RemovalRule = pathRule({
  id: 'icon-caches',
  title: 'Icon caches',
  safety: 'review',
  family: 'caches',
  description: 'icon-theme.cache of icon themes: GTK reads the files without it, more slowly.',
  why: 'GTK reads the icons without them, and a headless machine has no use for either',
  places: [
    {
      patterns: ['/usr/share/icons/*/icon-theme.cache'],
      command: 'rm -f /usr/share/icons/*/icon-theme.cache',
    },
  ],
});
