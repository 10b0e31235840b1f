/** What several rules ask of a project. */
import type { Block, Source } from './model.ts';
import type { Event, Plan, Project, ScriptUnit } from './plan.ts';
import type { Edit } from './rule.ts';
import type { Invocation } from './shell/script.ts';
import type { Word } from './shell/syntax.ts';
import type { Place } from './text.ts';
import { isUnset, itemsOf, optionsOf, staticText, truth, type Value } from './value.ts';

/** Sources of one of these builders, once each. */
export function sourcesOfType(project: Project, ...types: readonly RegExp[]): Source[] {
  return project.templates.flatMap((template) =>
    template.sources.filter((source) => types.some((type) => type.test(source.type))),
  );
}

/** Scripts that run in the image. */
export function imageScripts(project: Project): ScriptUnit[] {
  return project.scripts.filter((one) => !one.isLocal);
}

/** Commands that run in the image, with where they stand. */
export function* imageCommands(project: Project): Iterable<Invocation> {
  for (const { script } of imageScripts(project)) yield* script.invocations;
}

export function* allCommands(project: Project): Iterable<Invocation> {
  for (const { script } of project.scripts) yield* script.invocations;
}

export function commandPlace(one: Invocation): Place | undefined {
  return one.script.place(one.command.start, one.command.end);
}

/** The values that a setting may have; undefined for what is not known. Unset, null and "" are null. */
export function possible(value: Value | undefined): readonly (string | null | undefined)[] {
  if (isUnset(value)) return [null];
  return optionsOf(value).map((one) => (isUnset(one) ? null : staticText(one)));
}

/** True where a setting is on for sure. */
export function isOn(block: Block, name: string): boolean {
  return truth(block.value(name)) === true;
}

/** An address that gives another image with every release. */
export function isMoving(address: string): boolean {
  return /[/_-](?:latest|current|daily)(?:[/_.-]|$)/i.test(address);
}

/** The words of a list setting, those of all lists that it may be. */
export function wordsOf(value: Value | undefined): string[] {
  return itemsOf(value).map((one) => staticText(one) ?? '');
}

/** Builders whose result is a disk on the machine that builds. */
export const DISK_BUILDERS = /^(?:qemu|virtualbox|vmware|hyperv|parallels|proxmox|vsphere|utm|libvirt)/;
/** Builders whose result is a machine image at all. */
export const MACHINE_BUILDERS =
  /^(?:qemu|virtualbox|vmware|hyperv|parallels|proxmox|vsphere|utm|libvirt|amazon|azure|googlecompute|openstack|digitalocean|hcloud|linode|oracle|scaleway|vultr|exoscale|cloudstack|alicloud|tencentcloud|yandex|nutanix|outscale)/;

/** Plans of Linux images about which it may be said that something is missing. */
export function completePlans(project: Project, builders: RegExp): Plan[] {
  return project.plans.filter(
    (plan) =>
      plan.isComplete &&
      !plan.isWindows &&
      plan.build.provisioners.length > 0 &&
      plan.build.sources.length > 0 &&
      plan.build.sources.every((source) => builders.test(source.type)),
  );
}

export function has(plan: Plan, is: (event: Event) => boolean): boolean {
  return plan.events.some(is);
}

/** A block's place for findings about what it lacks: its first line without trailing blanks. */
export function headerOf(block: { readonly header: Place }): Place {
  const { file, start, end } = block.header;
  const text = file.text.slice(start, end);
  return file.place(start, start + text.trimEnd().length);
}

/** Sets a setting of a block, in the language of its file; undefined where that is not sure. */
export function settingEdit(block: Block, name: string, text: string): Edit | undefined {
  const { file, start, end } = block.place;
  const setting = block.setting(name);
  if (setting !== undefined) {
    // Only what stands there as a literal: a variable has other users.
    const raw = file.text.slice(setting.place.start, setting.place.end);
    const match = /^("?[\w-]+"?\s*[:=]\s*)("[^"$%{}]*"|true|false|null|\[[^\]$%{}]*\])$/.exec(raw);
    if (match === null || setting.place.file !== file) return undefined;
    return { place: file.place(setting.place.start + match[1]!.length, setting.place.end), text };
  }
  const isJson = file.path.endsWith('.json');
  const open = isJson ? start : file.text.indexOf('{', block.header.end);
  if (open < 0 || open >= end) return undefined;
  const after = /^[ \t]*\r?\n([ \t]*)/.exec(file.text.slice(open + 1, end));
  if (after === null) return undefined;
  const line = isJson ? `"${name}": ${text},` : `${name} = ${text}`;
  return { place: file.place(open + 1, open + 1), text: `\n${after[1]}${line}` };
}

/** A word that is one quoted `"$(…)"` and nothing else. */
export function quotedSubstitution(word: Word): boolean {
  const [only] = word.parts;
  return word.parts.length === 1 && only?.kind === 'substitution' && only.isQuoted;
}
