/** An initramfs for every machine there is. */
import type { GuestFiles, RemovalRule } from '../../core/contracts/rule.ts';
import { formatSize } from '../../core/size.ts';

export const largeInitramfs: RemovalRule = {
  id: 'large-initramfs',
  title: 'Initramfs with drivers for any machine',
  safety: 'risky',
  family: 'kernels',
  description:
    'A large initramfs of initramfs-tools with MODULES=most, or of dracut that is not told hostonly=yes. For one known ' +
    'platform it can be a third of that; the image then starts nowhere else, so this only tells.',
  parameters: [
    {
      name: 'larger',
      description: 'only an initramfs of at least so many bytes',
      unit: 'bytes',
      default: 60 * 1024 * 1024,
    },
  ],
  async evaluate({ boot, files, inspection, number }) {
    const { table } = inspection;
    const large = boot.kernels
      .filter(({ isRescue }) => !isRescue)
      .flatMap(({ initramfs }) => initramfs)
      .filter((entry) => table.allocated[entry]! >= number('larger'));
    if (large.length === 0) return [];
    const advice = (await ofInitramfsTools(files)) ?? (await ofDracut(files));
    if (advice === undefined) return [];
    const paths = large.map((entry) => files.pathOf(entry));
    return [
      {
        bytes: 0,
        paths,
        commands: [],
        reason: `${paths[0]} is ${formatSize(table.allocated[large[0]!]!)}: ${advice}`,
      },
    ];
  },
};

/** initramfs-tools: `most` unless initramfs.conf or a file of conf.d says otherwise. */
async function ofInitramfsTools(files: GuestFiles): Promise<string | undefined> {
  const text = await files.read('/etc/initramfs-tools/initramfs.conf');
  if (text === undefined) return undefined;
  const driver = (await files.read('/etc/initramfs-tools/conf.d/driver-policy')) ?? '';
  const values = [...`${text}\n${driver}`.matchAll(/^\s*MODULES\s*=\s*["']?(\w+)/gm)];
  if ((values.at(-1)?.[1] ?? 'most') !== 'most') return undefined;
  return 'MODULES=dep in /etc/initramfs-tools/initramfs.conf and update-initramfs -u keep the drivers of the platform that it runs on';
}

/** dracut: generic unless configuration or the distribution's default says hostonly; Fedora's cloud images say no. */
async function ofDracut(files: GuestFiles): Promise<string | undefined> {
  const places = ['/usr/lib/dracut/dracut.conf.d/*.conf', '/etc/dracut.conf', '/etc/dracut.conf.d/*.conf'];
  const entries = places.flatMap((place) => files.glob(place));
  if (entries.length === 0) return undefined;
  let value = 'no';
  for (const entry of entries) {
    for (const [, said] of ((await files.readEntry(entry)) ?? '').matchAll(
      /^\s*hostonly\s*=\s*["']?\s*(\w+)/gm,
    ))
      value = said!;
  }
  if (value === 'yes') return undefined;
  return 'hostonly="yes" in /etc/dracut.conf.d and dracut -f keep the drivers of the platform that it runs on';
}
