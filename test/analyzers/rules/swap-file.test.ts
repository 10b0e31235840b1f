import { expect, it } from 'vitest';
import { swapFile } from '../../../src/analyzers/rules/swap-file.ts';
import { blocks, suggestions } from './support.ts';

it('finds that of fstab and forgotten ones', async () => {
  const [found, ...more] = await suggestions(swapFile, {
    '/etc/fstab': 'UUID=x / ext4 defaults 0 1\n/swap.img none swap sw 0 0\n',
    '/swap.img': 2147483648,
    '/var/swapfile': 1048576,
  });
  expect(more).toEqual([]);
  expect(found!.reclaimable).toBe(blocks(2147483648, 1048576));
});

it('leaves swap partitions and other files alone', async () => {
  expect(
    await suggestions(swapFile, {
      '/etc/fstab': 'UUID=x none swap sw 0 0\n',
      '/srv/swap.img': 1048576,
      '/swap': null,
    }),
  ).toEqual([]);
});

it('takes the line out of fstab, and quotes nothing that it does not understand', async () => {
  const [found] = await suggestions(swapFile, {
    '/etc/fstab': '/swap.img none swap sw 0 0\n/$(reboot) none swap sw 0 0\n',
    '/swap.img': 4096,
    '/$(reboot)': 4096,
  });
  expect(found!.paths).toEqual(['/swap.img']);
  expect(found!.commands).toContain("sed -i '\\|^/swap\\.img[[:space:]]|d' /etc/fstab");
});
