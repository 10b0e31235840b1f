/** pnpm hard-links its store into projects, so its files free only what no project uses. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const nodeCaches: RemovalRule = pathRule({
  id: 'node-caches',
  title: 'Caches of npm, yarn and pnpm',
  safety: 'safe',
  family: 'package caches',
  description: '~/.npm, ~/.cache/yarn, pnpm’s store and node-gyp’s headers.',
  why: 'only saves a download when a package is installed again',
  places: [
    {
      patterns: [
        '~/.npm/_cacache',
        '~/.npm/_logs',
        '~/.npm/_npx',
        '~/.cache/yarn',
        '~/.cache/node-gyp',
        '~/.cache/pnpm',
        '~/.yarn/berry/cache',
        '~/.local/share/pnpm/store',
      ],
      command:
        'rm -rf /root/.npm/_* /home/*/.npm/_* /root/.cache/yarn /home/*/.cache/yarn /root/.cache/node-gyp /home/*/.cache/node-gyp /root/.cache/pnpm /home/*/.cache/pnpm /root/.yarn/berry/cache /home/*/.yarn/berry/cache /root/.local/share/pnpm/store /home/*/.local/share/pnpm/store',
    },
  ],
});
