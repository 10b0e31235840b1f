/** Three copies of the same zones. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

export const leapSecondZones: RemovalRule = pathRule({
  id: 'leap-second-zones',
  title: 'Time zones that count leap seconds',
  safety: 'review',
  family: 'documentation',
  description:
    '/usr/share/zoneinfo/right, and /usr/share/zoneinfo/posix beside it, which repeats the zones that programs read.',
  why: 'only clocks that count leap seconds read right/, and posix/ repeats what stands beside it',
  places: [
    {
      patterns: ['/usr/share/zoneinfo/right', '/usr/share/zoneinfo/posix'],
      command: 'rm -rf /usr/share/zoneinfo/right /usr/share/zoneinfo/posix',
    },
  ],
});
