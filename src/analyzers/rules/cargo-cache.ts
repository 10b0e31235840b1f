/** Sources of every dependency, unpacked and packed. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const cargoCache: RemovalRule = pathRule({
  id: 'cargo-cache',
  title: 'Registry and git cache of cargo',
  safety: 'safe',
  family: 'package caches',
  description: '~/.cargo/registry and ~/.cargo/git.',
  why: 'cargo fetches again what it builds',
  places: [
    {
      patterns: ['~/.cargo/registry', '~/.cargo/git'],
      command: 'rm -rf /root/.cargo/registry /home/*/.cargo/registry /root/.cargo/git /home/*/.cargo/git',
    },
  ],
});
