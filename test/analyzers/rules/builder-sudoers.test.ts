import { expect, it } from 'vitest';
import { builderSudoers } from '../../../src/analyzers/rules/builder-sudoers.ts';
import { hygiene } from './support.ts';

it('tells the build’s own rights from a cloud account’s', async () => {
  const found = await hygiene(builderSudoers, {
    '/etc/sudoers.d/vagrant': 'vagrant ALL=(ALL) NOPASSWD: ALL\n',
    '/etc/sudoers.d/90-cloud-init-users': 'debian ALL=(ALL) NOPASSWD:ALL\n',
  });
  expect(found.map(({ severity, paths }) => [severity, ...paths])).toEqual([
    ['error', '/etc/sudoers.d/vagrant'],
    ['info', '/etc/sudoers.d/90-cloud-init-users'],
  ]);
});

it('leaves rules with passwords alone', async () => {
  expect(
    await hygiene(builderSudoers, {
      '/etc/sudoers.d/admins': '%admins ALL=(ALL) ALL\n',
      '/etc/sudoers.d/README': '# NOPASSWD is explained here\n',
    }),
  ).toEqual([]);
});
