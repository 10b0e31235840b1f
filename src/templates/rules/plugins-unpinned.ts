import type { Found, LintRule } from '../rule.ts';
import { staticText } from '../value.ts';

export const pluginsUnpinned: LintRule = {
  id: 'plugins-unpinned',
  title: 'A plugin may be of any later version',
  severity: 'info',
  why: 'With ">= 1.0" packer init takes whatever release is newest on the day of the build, and a new major version changes or breaks the image.',
  fix: 'Give an upper bound: version = "~> 1.1", or an exact version.',
  example: {
    language: 'hcl',
    bad: 'packer {\n  required_plugins {\n    qemu = {\n      source  = "github.com/hashicorp/qemu"\n      version = ">= 1.0.0"\n    }\n  }\n}\n',
    good: 'packer {\n  required_plugins {\n    qemu = {\n      source  = "github.com/hashicorp/qemu"\n      version = "~> 1.1"\n    }\n  }\n}\n',
  },
  *check(project): Iterable<Found> {
    for (const template of project.templates) {
      for (const { name, place, version } of template.plugins ?? []) {
        if (version === undefined) {
          yield { place, message: `no version of the plugin ${name} is asked for` };
          continue;
        }
        const text = staticText(version);
        if (text === undefined) continue;
        const isBounded = text.split(',').some((one) => /^\s*(?:=\s*)?v?\d|^\s*~>|^\s*</.test(one));
        if (!isBounded) yield { place: version.place, message: `${JSON.stringify(text)} has no upper bound` };
      }
    }
  },
};
