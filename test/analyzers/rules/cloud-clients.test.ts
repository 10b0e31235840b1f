import { expect, it } from 'vitest';
import { cloudClients } from '../../../src/analyzers/rules/cloud-clients.ts';
import { blocks, suggestions } from './support.ts';

it('finds what an installer unpacked', async () => {
  const [found, ...more] = await suggestions(
    cloudClients,
    {
      '/usr/local/aws-cli/v2/2.13/dist/aws': 7000000,
      '/usr/bin/az': 100,
    },
    [],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(7000000) + 4 * 4096);
});

it('leaves libraries alone', async () => {
  expect(
    await suggestions(
      cloudClients,
      {
        '/usr/lib/python3/dist-packages/boto3/x.py': 100,
      },
      [{ name: 'python3-boto3', paths: [] }],
    ),
  ).toEqual([]);
});

it('finds packages too, and does not count an unpacked tree twice that one owns', async () => {
  const azure = { name: 'azure-cli', paths: ['/opt/az', '/opt/az/bin', '/opt/az/bin/python3'] };
  const found = await suggestions(cloudClients, { '/opt/az/bin/python3': 9_000_000 }, [azure]);
  expect(found.map(({ packages, reclaimable }) => [packages, reclaimable])).toEqual([
    [['azure-cli'], blocks(9_000_000) + 2 * 4096],
  ]);
});
