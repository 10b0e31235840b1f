/** Swap is made at boot in a second; in an image it is shipped. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { shellQuote } from '../remove-packages.ts';

const USUAL = [
  '/swapfile',
  '/swap.img',
  '/swap',
  '/var/swap',
  '/var/swapfile',
  '/var/swap.img',
  '/.swapfile',
];

/** Names that a shell takes as they are and sed's address needs no care for. */
const PLAIN = /^\/[\w./-]+$/;

export const swapFile: RemovalRule = {
  id: 'swap-file',
  title: 'Swap file',
  safety: 'review',
  family: 'swap',
  description:
    'Swap files by fstab and by their usual names. Make swap at first boot instead (cloud-init `swap:`, a systemd unit).',
  async evaluate({ files }) {
    const fstab = (await files.read('/etc/fstab')) ?? '';
    const mounted = fstab
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[0]?.startsWith('/') === true && fields[2] === 'swap')
      .map((fields) => fields[0]!);
    const wanted = [...new Set([...mounted, ...USUAL])];
    const found = wanted
      .map((path) => ({ path, entry: files.lookup(path) }))
      .filter(({ path, entry }) => PLAIN.test(path) && files.isFile(entry));
    if (found.length === 0) return [];
    const listed = found.filter(({ path }) => mounted.includes(path)).map(({ path }) => path);
    return [
      {
        entries: found.map(({ entry }) => entry),
        paths: found.map(({ path }) => path),
        commands: [
          ...found.map(({ path }) => `swapoff ${shellQuote(path)} 2>/dev/null || true`),
          ...listed.map((path) => `sed -i '\\|^${path.replaceAll('.', '\\.')}[[:space:]]|d' /etc/fstab`),
          `rm -f ${found.map(({ path }) => shellQuote(path)).join(' ')}`,
        ],
        reason:
          listed.length > 0
            ? `${listed.join(', ')} stands in /etc/fstab; let first boot make it`
            : 'no line of /etc/fstab uses it',
      },
    ];
  },
};
