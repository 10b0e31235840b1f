/** Discs of guest tools that Packer uploads and provisioners forget to delete. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { pathRule } from '../path-rule.ts';

const NAMES = [
  'VBoxGuestAdditions*.iso',
  'linux.iso',
  'prl-tools-*.iso',
  'VMwareTools-*.tar.gz',
  'windows.iso',
  'virtio-win*.iso',
];
const FOLDERS = ['/root', '/home/*', '/tmp', '/var/tmp', '/opt', ''];
const patterns = FOLDERS.flatMap((folder) => NAMES.map((name) => `${folder}/${name}`));

export const guestIsos: RemovalRule = pathRule({
  id: 'guest-isos',
  title: 'Discs of guest tools',
  safety: 'safe',
  family: 'temporary files',
  description:
    'VBoxGuestAdditions*.iso, linux.iso, prl-tools-*.iso and VMwareTools-*.tar.gz where Packer uploads them.',
  why: 'installed from already; Packer uploads it afresh',
  places: [{ patterns, command: `rm -f ${patterns.join(' ')}` }],
});
