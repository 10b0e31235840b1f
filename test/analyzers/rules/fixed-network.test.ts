import { expect, it } from 'vitest';
import { fixedNetwork } from '../../../src/analyzers/rules/fixed-network.ts';
import { hygiene } from './support.ts';

it('finds hardware addresses', async () => {
  const found = await hygiene(fixedNetwork, {
    '/etc/udev/rules.d/70-persistent-net.rules': 'x',
    '/etc/netplan/50-cloud-init.yaml':
      'network:\n  ethernets:\n    ens3:\n      match:\n        macaddress: 52:54:00:12:34:56\n',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['warning', '/etc/udev/rules.d/70-persistent-net.rules', '/etc/netplan/50-cloud-init.yaml'],
  ]);
});

it('leaves configuration that fits any machine alone', async () => {
  expect(
    await hygiene(fixedNetwork, {
      '/etc/netplan/01.yaml':
        'network:\n  ethernets:\n    all:\n      match: {name: en*}\n      dhcp4: true\n',
      '/etc/udev/rules.d/80-x.rules': 'x',
    }),
  ).toEqual([]);
});
