/** systemd’s building-images page names both. */
import type { HygieneRule } from '../../core/contracts/rule.ts';
import { pathHygiene } from '../path-hygiene.ts';

export const randomSeed: HygieneRule = pathHygiene({
  id: 'random-seed',
  title: 'Saved random seed',
  severity: 'warning',
  description:
    '/var/lib/systemd/random-seed and the boot loader’s: all machines would begin with the same one.',
  patterns: [
    '/var/lib/systemd/random-seed',
    '/var/lib/urandom/random-seed',
    '/boot/efi/loader/random-seed',
    '/efi/loader/random-seed',
    '/boot/loader/random-seed',
  ],
  command:
    'rm -f /var/lib/systemd/random-seed /var/lib/urandom/random-seed /boot/efi/loader/random-seed /efi/loader/random-seed /boot/loader/random-seed',
  why: 'every machine begins with the same seed',
});
