/** XDG Base Directory Specification: $XDG_CACHE_HOME holds non-essential data. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { emptyCommand, pathRule } from '../path-rule.ts';

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
      command: emptyCommand('/root/.cache /home/*/.cache'),
    },
    { patterns: ['~/.thumbnails'], command: 'rm -rf /root/.thumbnails /home/*/.thumbnails' },
  ],
});
