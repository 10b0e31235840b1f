import { expect, it } from 'vitest';
import { firmwarePackages } from '../../../src/analyzers/rules/firmware-packages.ts';
import { blocks, suggestions } from './support.ts';

it('finds firmware in an image for clouds', async () => {
  const [found, ...more] = await suggestions(
    firmwarePackages,
    {
      '/lib/firmware/amdgpu/a.bin': 600000,
      '/usr/bin/cloud-init': 5000,
    },
    [
      { name: 'firmware-amd-graphics', paths: ['/lib/firmware/amdgpu/a.bin'] },
      { name: 'cloud-init', paths: ['/usr/bin/cloud-init'] },
    ],
  );
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(600000));
  expect(found!.packages).toEqual(['firmware-amd-graphics']);
});

it('keeps it where nothing says that the machine is virtual', async () => {
  expect(
    await suggestions(
      firmwarePackages,
      {
        '/lib/firmware/amdgpu/a.bin': 600000,
        '/usr/bin/cloud-init': 5000,
      },
      [{ name: 'firmware-amd-graphics', paths: ['/lib/firmware/amdgpu/a.bin'] }],
    ),
  ).toEqual([]);
});

it('takes the platform for proof, and keeps what the kernel’s packages require', async () => {
  const firmware = { name: 'linux-firmware', automatic: true, paths: ['/lib/firmware/a.bin'] };
  const kernel = { name: 'linux-image-generic', requires: ['linux-firmware'], paths: [] };
  const tree = { '/lib/firmware/a.bin': 600_000 };
  const platform = { platform: 'aws' } as const;
  expect(
    await suggestions(firmwarePackages, tree, [{ ...firmware, automatic: false }], platform),
  ).toHaveLength(1);
  expect(await suggestions(firmwarePackages, tree, [firmware, kernel], platform)).toEqual([]);
});
