import { expect, it } from 'vitest';
import { ansibleLeftovers } from '../../../src/analyzers/rules/ansible-leftovers.ts';
import { blocks, suggestions } from './support.ts';

it('finds modules of plays and what Packer left', async () => {
  const [found, ...more] = await suggestions(ansibleLeftovers, {
    '/root/.ansible/tmp/ansible-tmp-1/AnsiballZ_apt.py': 200000,
    '/tmp/packer-provisioner-ansible-local/x.yml': 500,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(200000, 500) + 3 * 4096);
});

it('leaves collections and playbooks alone', async () => {
  expect(
    await suggestions(ansibleLeftovers, {
      '/root/.ansible/collections/x.yml': 100,
      '/srv/ansible/site.yml': 100,
    }),
  ).toEqual([]);
});
