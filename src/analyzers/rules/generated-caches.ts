/** Named one by one: a blanket deletion of /var/cache takes debconf’s database along. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const generatedCaches: RemovalRule = pathRule({
  id: 'generated-caches',
  title: 'Generated caches of the system',
  safety: 'safe',
  family: 'caches',
  description:
    'Caches of man-db, fontconfig, ldconfig’s helper, cups and AppStream: made again when they are missing.',
  why: 'made again when they are missing',
  places: [
    {
      patterns: [
        '/var/cache/man/*',
        '/var/cache/fontconfig/*',
        '/var/cache/ldconfig/aux-cache',
        '/var/cache/cups/*',
        '/var/cache/swcatalog/*',
        '/var/cache/app-info/*',
        '/var/cache/snapd/*',
        '/var/cache/motd-news',
        '/var/cache/ibus/*',
        '/var/lib/command-not-found/commands.db*',
      ],
      command:
        'rm -rf /var/cache/man/* /var/cache/fontconfig/* /var/cache/ldconfig/aux-cache /var/cache/cups/* /var/cache/swcatalog/* /var/cache/app-info/* /var/cache/snapd/* /var/cache/motd-news /var/cache/ibus/* /var/lib/command-not-found/commands.db*',
    },
  ],
});
