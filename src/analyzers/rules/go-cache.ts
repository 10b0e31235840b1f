/** A compiled program needs neither. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const goCache: RemovalRule = pathRule({
  id: 'go-cache',
  title: 'Build and module cache of Go',
  safety: 'safe',
  family: 'package caches',
  description: '~/.cache/go-build and ~/go/pkg/mod.',
  why: 'go builds and fetches again what it needs',
  places: [
    {
      patterns: ['~/.cache/go-build', '~/go/pkg/mod'],
      command: 'rm -rf /root/.cache/go-build /home/*/.cache/go-build /root/go/pkg/mod /home/*/go/pkg/mod',
    },
  ],
});
