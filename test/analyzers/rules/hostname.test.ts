import { expect, it } from 'vitest';
import { hostname } from '../../../src/analyzers/rules/hostname.ts';
import { hygiene } from './support.ts';

it('finds the name of the build', async () => {
  const found = await hygiene(hostname, {
    '/etc/hostname': 'packer-build-7\n',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([['info', '/etc/hostname']]);
});

it('leaves defaults alone', async () => {
  expect(
    await hygiene(hostname, {
      '/etc/hostname': 'localhost.localdomain\n',
    }),
  ).toEqual([]);
});
