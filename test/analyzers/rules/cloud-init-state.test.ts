import { expect, it } from 'vitest';
import { cloudInitState } from '../../../src/analyzers/rules/cloud-init-state.ts';
import { hygiene } from './support.ts';

it('finds the instance of the build', async () => {
  const found = await hygiene(cloudInitState, {
    '/var/lib/cloud/instances/i-0123/user-data.txt': 'x',
    '/var/lib/cloud/instance': { link: 'instances/i-0123' },
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['error', '/var/lib/cloud/instance', '/var/lib/cloud/instances/i-0123'],
  ]);
});

it('leaves a clean installation alone', async () => {
  expect(
    await hygiene(cloudInitState, {
      '/var/lib/cloud/seed': null,
      '/var/lib/cloud/instances': null,
      '/var/lib/cloud/scripts/per-boot/x.sh': 'x',
    }),
  ).toEqual([]);
});
