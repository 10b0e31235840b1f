/** XDG Base Directory Specification: $XDG_CACHE_HOME holds non-essential data. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const homeCaches: RemovalRule = pathRule({
  id: 'home-caches',
  title: 'Other caches in home directories',
  safety: 'safe',
  family: 'caches',
  description: '~/.cache: by the XDG specification nothing in it is needed.',
  why: 'what programs store there they can make again',
  places: [
    {
      patterns: ['~/.cache/*'],
      command: 'find /root/.cache /home/*/.cache -mindepth 1 -delete 2>/dev/null || true',
    },
    { patterns: ['~/.thumbnails'], command: 'rm -rf /root/.thumbnails /home/*/.thumbnails' },
  ],
});
