/** Whoever built the image could log in everywhere. */
import type { HygieneRule } from '../../core/contracts/rule.ts';

export const authorizedKeys: HygieneRule = {
  id: 'authorized-keys',
  title: 'Keys that may log in',
  severity: 'error',
  family: 'hygiene',
  description:
    'authorized_keys in home directories with at least one key; Packer’s temporary ones carry `packer_` in their comment.',
  async evaluate({ files }) {
    const paths: string[] = [];
    let isPackers = false;
    for (const path of files.homes.flatMap((home) => [
      `${home}/.ssh/authorized_keys`,
      `${home}/.ssh/authorized_keys2`,
    ])) {
      const text = await files.read(path);
      const keys = (text ?? '').split('\n').filter((line) => /^\s*[^#\s]/.test(line));
      if (keys.length === 0) continue;
      paths.push(path);
      if (keys.some((key) => /\bpacker[_-]/i.test(key))) isPackers = true;
    }
    if (paths.length === 0) return [];
    return [
      {
        paths,
        commands: ['rm -f /root/.ssh/authorized_keys* /home/*/.ssh/authorized_keys*'],
        reason: isPackers
          ? 'Packer’s temporary key is among them'
          : 'their owners can log in to every machine of the image',
      },
    ];
  },
};
