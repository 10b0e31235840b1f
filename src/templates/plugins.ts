/** Which plugin a builder, provisioner or post-processor comes from. */
import type { Template } from './model.ts';

/** What Packer itself brings. */
const BUILT_IN = new Set([
  'null',
  'file',
  'shell',
  'shell-local',
  'breakpoint',
  'sleep',
  'powershell',
  'windows-shell',
  'windows-restart',
  'manifest',
  'compress',
  'checksum',
  'artifice',
  'hcp-sbom',
]);

/** Every component of the template that a plugin has to bring. */
export function pluginComponents(template: Template): string[] {
  const used = template.sources.map((one) => one.type);
  for (const build of template.builds) {
    used.push(...build.provisioners.map((one) => one.type));
    used.push(...build.postProcessors.flat().map((one) => one.labels[0] ?? ''));
  }
  return [...new Set(used)].filter((one) => one !== '' && !BUILT_IN.has(one));
}

/** A component is called after its plugin: `virtualbox-iso` is of `virtualbox`. */
export function isOf(component: string, plugin: string): boolean {
  return component === plugin || component.startsWith(`${plugin}-`);
}
