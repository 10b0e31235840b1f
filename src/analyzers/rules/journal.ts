/** The folder itself stays: its presence makes the journal persistent. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const journal: RemovalRule = pathRule({
  id: 'journal',
  title: 'Journal of systemd',
  safety: 'safe',
  family: 'logs',
  description:
    '/var/log/journal: the build’s own messages, in files that are preallocated at 8 MiB and more.',
  why: 'it tells of the build; journald begins a new one at boot',
  places: [{ patterns: ['/var/log/journal/*'], command: 'rm -rf /var/log/journal/*' }],
});
