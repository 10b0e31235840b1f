/** An image that was built cleanly has none. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { emptyCommand, pathRule } from '../path-rule.ts';

export const lostAndFound: RemovalRule = pathRule({
  id: 'lost-and-found',
  title: 'Files that fsck recovered',
  safety: 'review',
  family: 'temporary files',
  description: '/lost+found holds what fsck found without a name.',
  why: 'fsck could not tell where they belong; look at them first',
  places: [
    {
      patterns: ['/lost+found/*', '/boot/lost+found/*', '/home/lost+found/*', '/var/lost+found/*'],
      command: emptyCommand('/lost+found /boot/lost+found /home/lost+found /var/lost+found'),
    },
  ],
});
