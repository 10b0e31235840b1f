import { expect, it } from 'vitest';
import { hostIdentities } from '../../../src/analyzers/rules/host-identities.ts';
import { hygiene } from './support.ts';

it('finds names and device lists', async () => {
  const found = await hygiene(hostIdentities, {
    '/etc/iscsi/initiatorname.iscsi': 'InitiatorName=x',
    '/etc/lvm/devices/system.devices': 'x',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['info', '/etc/iscsi/initiatorname.iscsi', '/etc/lvm/devices/system.devices'],
  ]);
});

it('leaves other settings alone', async () => {
  expect(
    await hygiene(hostIdentities, {
      '/etc/iscsi/iscsid.conf': 'x',
      '/etc/lvm/lvm.conf': 'x',
    }),
  ).toEqual([]);
});
