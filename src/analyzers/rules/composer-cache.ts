/** PHP’s package manager keeps every archive. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const composerCache: RemovalRule = pathRule({
  id: 'composer-cache',
  title: 'Cache of composer',
  safety: 'safe',
  family: 'package caches',
  description: '~/.cache/composer and ~/.composer/cache.',
  why: 'composer downloads again what it needs',
  places: [
    {
      patterns: ['~/.cache/composer', '~/.composer/cache'],
      command:
        'rm -rf /root/.cache/composer /home/*/.cache/composer /root/.composer/cache /home/*/.composer/cache',
    },
  ],
});
