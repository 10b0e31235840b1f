import { expect, it } from 'vitest';
import { leapSecondZones } from '../../../src/analyzers/rules/leap-second-zones.ts';
import { blocks, suggestions } from './support.ts';

it('finds zones with leap seconds; a hard link of a zone that stays frees nothing', async () => {
  const [found, ...more] = await suggestions(leapSecondZones, {
    '/usr/share/zoneinfo/Europe/Berlin': { size: 2298, inode: 7 },
    '/usr/share/zoneinfo/posix/Europe/Berlin': { size: 2298, inode: 7 },
    '/usr/share/zoneinfo/right/Europe/Berlin': 2838,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(2838) + 4 * 4096);
});

it('leaves the zones alone', async () => {
  expect(await suggestions(leapSecondZones, { '/usr/share/zoneinfo/Europe/Berlin': 2298 })).toEqual([]);
});
