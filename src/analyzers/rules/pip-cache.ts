/** PIP_NO_CACHE_DIR=1 avoids it; uv and poetry keep theirs beside it. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const pipCache: RemovalRule = pathRule({
  id: 'pip-cache',
  title: 'Cache of pip',
  safety: 'safe',
  family: 'package caches',
  description: '~/.cache/pip: wheels and HTTP responses.',
  why: 'pip only uses it to save a download',
  places: [
    {
      patterns: ['~/.cache/pip', '~/.cache/uv', '~/.cache/pypoetry'],
      command:
        'rm -rf /root/.cache/pip /home/*/.cache/pip /root/.cache/uv /home/*/.cache/uv /root/.cache/pypoetry /home/*/.cache/pypoetry',
    },
  ],
});
