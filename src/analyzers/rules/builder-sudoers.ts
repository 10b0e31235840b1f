/** Provisioners that let themselves become root without a password. */
import type { HygieneRule } from '../../core/contracts/rule.ts';
import { shellQuote } from '../remove-packages.ts';

const BUILDERS = /^(?:\d+[-_])?_?(?:vagrant|packer|packer_env|builder|ci|ansible|kitchen)(?:[-_].*)?$/i;

export const builderSudoers: HygieneRule = {
  id: 'builder-sudoers',
  title: 'Rights of the builder',
  severity: 'error',
  family: 'hygiene',
  description:
    'Files in /etc/sudoers.d that the build made for itself (vagrant, packer …); other NOPASSWD rules are a note.',
  async evaluate({ files }) {
    const ours: string[] = [];
    const others: string[] = [];
    for (const entry of files.glob('/etc/sudoers.d/*')) {
      if (!files.isFile(entry) || files.ownerOf(entry) >= 0) continue;
      const text = (await files.readEntry(entry)) ?? '';
      const isBuilders = BUILDERS.test(files.name(entry)) || /^\s*(?:vagrant|packer)\s/m.test(text);
      if (isBuilders) ours.push(files.pathOf(entry));
      else if (/^[^#]*NOPASSWD/m.test(text)) others.push(files.pathOf(entry));
    }
    return [
      ...(ours.length === 0
        ? []
        : [
            {
              paths: ours,
              commands: [`rm -f ${ours.map(shellQuote).join(' ')}`],
              reason: 'the build gave itself root without a password',
            },
          ]),
      ...(others.length === 0
        ? []
        : [
            {
              severity: 'info' as const,
              paths: others,
              commands: [],
              reason: 'root without a password; usual for the account of a cloud image',
            },
          ]),
    ];
  },
};
