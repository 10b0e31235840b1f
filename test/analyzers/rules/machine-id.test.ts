import { expect, it } from 'vitest';
import { machineId } from '../../../src/analyzers/rules/machine-id.ts';
import { hygiene } from './support.ts';

it('finds a set id, once where D-Bus links it', async () => {
  const found = await hygiene(machineId, {
    '/etc/machine-id': '0123456789abcdef0123456789abcdef\n',
    '/var/lib/dbus/machine-id': { link: '/etc/machine-id' },
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([['error', '/etc/machine-id']]);
});

it('leaves an empty one and `uninitialized` alone', async () => {
  expect(
    await hygiene(machineId, {
      '/etc/machine-id': 'uninitialized\n',
      '/var/lib/dbus/machine-id': '',
    }),
  ).toEqual([]);
});
