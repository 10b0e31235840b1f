import { expect, it } from 'vitest';
import { dhcpLeases } from '../../../src/analyzers/rules/dhcp-leases.ts';
import { hygiene } from './support.ts';

it('finds leases', async () => {
  const found = await hygiene(dhcpLeases, {
    '/var/lib/dhcp/dhclient.eth0.leases': 'lease {}',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['warning', '/var/lib/dhcp/dhclient.eth0.leases'],
  ]);
});

it('leaves empty files alone', async () => {
  expect(
    await hygiene(dhcpLeases, {
      '/var/lib/dhcp/dhclient.leases': 0,
      '/var/lib/dhcp': null,
    }),
  ).toEqual([]);
});
