import type { Template } from '../model.ts';
import { isOf, pluginComponents } from '../plugins.ts';
import { headerOf } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

export const pluginsUndeclared: LintRule = {
  id: 'plugins-undeclared',
  title: 'A plugin is not declared',
  severity: 'warning',
  why: 'Packer 1.10 and later bring no plugins with them: without required_plugins, packer init installs nothing and the build depends on what lies on the machine.',
  fix: 'Declare each plugin with its source and version in packer { required_plugins { … } }.',
  example: {
    language: 'hcl',
    bad: 'source "qemu" "debian" {\n  iso_url      = "https://example.org/debian.iso"\n  iso_checksum = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username = "debian"\n}\n',
    good: 'packer {\n  required_plugins {\n    qemu = {\n      source  = "github.com/hashicorp/qemu"\n      version = "~> 1.1"\n    }\n  }\n}\nsource "qemu" "debian" {\n  iso_url      = "https://example.org/debian.iso"\n  iso_checksum = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username = "debian"\n}\n',
  },
  *check(project): Iterable<Found> {
    for (const template of project.templates) {
      // Legacy templates cannot declare any.
      if (template.language !== 'hcl2') continue;
      const missing = pluginComponents(template).filter(
        (one) => !(template.plugins ?? []).some((plugin) => isOf(one, plugin.name)),
      );
      const place = placeOf(template, missing[0]);
      if (missing.length === 0 || place === undefined) continue;
      yield {
        place,
        message: `required_plugins ${template.plugins === null ? 'is missing' : 'lacks a plugin'}: ${missing.join(', ')} ${missing.length === 1 ? 'comes' : 'come'} from plugins`,
      };
    }
  },
};

function placeOf(template: Template, component: string | undefined) {
  const source = template.sources.find((one) => one.type === component);
  if (source !== undefined) return headerOf(source.block);
  for (const build of template.builds) {
    const blocks = [...build.provisioners.map((one) => one.block), ...build.postProcessors.flat()];
    const block = blocks.find((one) => one.labels[0] === component);
    if (block !== undefined) return headerOf(block);
  }
  return undefined;
}
