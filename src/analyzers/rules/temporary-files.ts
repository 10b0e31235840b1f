/** Last of all: provisioners work here. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { emptyCommand, pathRule } from '../path-rule.ts';

export const temporaryFiles: RemovalRule = pathRule({
  id: 'temporary-files',
  title: 'Temporary files',
  safety: 'safe',
  family: 'temporary files',
  description: '/tmp and /var/tmp: nothing may rely on it after a reboot.',
  why: 'nothing may rely on them after a reboot',
  places: [{ patterns: ['/tmp/*', '/var/tmp/*'], command: emptyCommand('/tmp /var/tmp') }],
});
