/** Alpine only keeps packages when setup-apkcache was run, but always the indexes. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const apkCache: RemovalRule = pathRule({
  id: 'apk-cache',
  title: 'Indexes and packages that apk downloaded',
  safety: 'safe',
  family: 'package caches',
  description: '/var/cache/apk and what /etc/apk/cache points to.',
  why: '`apk update` fetches them; `apk add --no-cache` never writes them',
  places: [
    {
      patterns: ['/var/cache/apk/*', '/etc/apk/cache/*'],
      command: 'rm -rf /var/cache/apk/* /etc/apk/cache/*',
    },
  ],
});
