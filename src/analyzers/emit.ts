/**
 * Suggestions as something to run in the build: a shell script, a Packer provisioner, Ansible tasks. What is for
 * Windows becomes a provisioner and tasks of PowerShell's; a shell script leaves it out and says so.
 *
 * The order is that of families: packages first, since removing them writes logs and caches, then files, then what
 * packages and provisioners leave, unused blocks last. Every step may run twice. Package names are filtered by what
 * is installed, the running kernel's packages are spared, and names from inside the image are quoted where the rules
 * put them into commands.
 */
import type { Package } from '../core/contracts/package.ts';
import type { Safety } from '../core/contracts/report.ts';
import { formatSize } from '../core/size.ts';
import { compareText, escapeName } from '../core/text.ts';
import { FAMILIES, SAFETIES } from './families.ts';
import { REMOVING_MANAGERS, removalNames, shellQuote } from './remove-packages.ts';
import type { Resolved } from './suggest.ts';

export const EMIT_KINDS = ['shell', 'packer', 'ansible'] as const;
export type EmitKind = (typeof EMIT_KINDS)[number];

/** What a script needs of a suggestion. */
export type Step = Omit<Resolved, 'rule' | 'finding' | 'taken'>;

export interface EmitOptions {
  /** Up to and including it. */
  readonly safety: Safety;
  /** For the heading: name of the artifact and version of imgopt. */
  readonly artifact: string;
  readonly version: string;
}

/** The chosen suggestions in the order in which a script works. */
export function chosen(resolved: readonly Step[], safety: Safety): Step[] {
  const most = SAFETIES.indexOf(safety);
  return resolved
    .filter(({ suggestion, commands, packages }) => {
      const isDoable = commands.length > 0 || packages.length > 0;
      return isDoable && SAFETIES.indexOf(suggestion.safety) <= most && suggestion.family !== 'disk';
    })
    .sort(
      (a, b) =>
        // Documentation and bytecode are swept after the last package that has some has gone.
        Number(b.packages.length > 0) - Number(a.packages.length > 0) ||
        FAMILIES.indexOf(a.family) - FAMILIES.indexOf(b.family) ||
        compareText(a.suggestion.rule, b.suggestion.rule) ||
        compareText(a.suggestion.title, b.suggestion.title),
    );
}

/** The text of one kind. */
export function emit(
  kind: EmitKind,
  resolved: readonly Step[],
  packages: readonly Package[],
  options: EmitOptions,
): string {
  const all = chosen(resolved, options.safety);
  if (kind === 'ansible') return ansibleTasks(all, packages, options);
  const steps = all.filter((step) => !isWindows(step));
  const windows = all.filter(isWindows);
  if (kind === 'shell') return shellScript(steps, packages, options, windows.length);
  const blocks: string[] = [];
  if (windows.length > 0) blocks.push(powershellProvisioner(powershellScript(windows, options)));
  if (steps.length > 0 || windows.length === 0) {
    blocks.push(shellProvisioner(shellScript(steps, packages, options)));
  }
  return blocks.join('\n');
}

function isWindows({ suggestion }: Step): boolean {
  return suggestion.shell === 'powershell';
}

/** How each manager tells what is installed, and removes it. */
const HELPERS: Record<string, { readonly test: string; readonly remove: string }> = {
  dpkg: {
    test: `[ "$(dpkg-query -W -f '\${db:Status-Status}' "$package" 2>/dev/null)" = installed ]`,
    // Without its binary caches, which would be new files in the image.
    remove: 'apt-get -y -q -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= purge "$@"',
  },
  rpm: { test: 'rpm -q "$package" >/dev/null 2>&1', remove: 'rpm -e "$@"' },
  apk: { test: 'apk info -e "$package" >/dev/null 2>&1', remove: 'apk del "$@"' },
  pacman: { test: 'pacman -Q "$package" >/dev/null 2>&1', remove: 'pacman -R --noconfirm "$@"' },
};

function helperFor(manager: string): string[] {
  const { test, remove } = HELPERS[manager]!;
  return [
    `# Removes those of the packages that are installed, but never the running kernel's.`,
    `remove_${manager}() {`,
    '  for package in "$@"; do',
    '    shift',
    '    case $package in',
    `      *-"$(uname -r)" | *-"$(uname -r)":*) echo "imgopt: $package belongs to the running kernel: reboot first" >&2 ;;`,
    `      *) if ${test}; then set -- "$@" "$package"; fi ;;`,
    '    esac',
    '  done',
    '  if [ $# -gt 0 ]; then',
    `    ${remove}`,
    '  fi',
    '}',
  ];
}

/** Packages of a step by manager, sorted. */
function removals(step: Step, packages: readonly Package[]): { manager: string; names: string[] }[] {
  const leaving = step.packages.map((index) => packages[index]!);
  return REMOVING_MANAGERS.map((manager) => ({ manager, names: removalNames(manager, leaving) })).filter(
    ({ names }) => names.length > 0,
  );
}

function heading({ suggestion }: Step): string {
  const title = escapeName(suggestion.title);
  return `${title} (${suggestion.rule}, ${suggestion.safety}): ${formatSize(suggestion.reclaimable)}`;
}

/** `imgopt 1.0.0: frees 12.0 MiB of disk.qcow2, up to safety 'safe'.` */
function summary(steps: readonly Step[], { safety, artifact, version }: EmitOptions): string {
  const total = steps.reduce((sum, { suggestion }) => sum + suggestion.reclaimable, 0);
  return `imgopt ${version}: frees ${formatSize(total)} of ${escapeName(artifact)}, up to safety '${safety}'.`;
}

/** @param leftOut suggestions that are not for this shell */
function shellScript(
  steps: readonly Step[],
  packages: readonly Package[],
  options: EmitOptions,
  leftOut = 0,
): string {
  const lines = [
    '#!/bin/sh',
    `# ${summary(steps, options)}`,
    '# Run it as root and as the last step of the build; running it twice does no harm.',
    ...(leftOut > 0 ? [`# ${leftOut} suggestions for Windows are left out: --emit packer writes them.`] : []),
    // In force for the whole file when it stands before the first command.
    ...(steps.some((step) => step.commands.some((command) => /'[^']*[$`]/.test(command)))
      ? [
          '# Names from inside the image are quoted so that nothing in them expands.',
          '# shellcheck disable=SC2016',
        ]
      : []),
    'set -eu',
    'export LC_ALL=C DEBIAN_FRONTEND=noninteractive',
  ];
  const managers = new Set(steps.flatMap((step) => removals(step, packages).map(({ manager }) => manager)));
  for (const manager of [...managers].sort()) lines.push('', ...helperFor(manager));
  for (const step of steps) {
    lines.push('', `# ${heading(step)}`);
    for (const { manager, names } of removals(step, packages)) {
      lines.push(`remove_${manager} ${names.map(shellQuote).join(' ')}`);
    }
    lines.push(...step.commands);
  }
  lines.push('', '# What was deleted still lies in unused blocks: tell the disk.');
  // busybox' fstrim knows one mount point at a time.
  lines.push('if command -v fstrim >/dev/null 2>&1; then fstrim -a 2>/dev/null || fstrim / || true; fi', '');
  return lines.join('\n');
}

function powershellScript(steps: readonly Step[], options: EmitOptions): string {
  const lines = [
    `# ${summary(steps, options)}`,
    '# Run it as an administrator and as the last step of the build; running it twice does no harm.',
    "$ErrorActionPreference = 'Continue'",
  ];
  for (const step of steps) lines.push('', `# ${heading(step)}`, ...step.commands);
  lines.push(
    '',
    '# What was deleted still lies in unused clusters: tell the disk.',
    "Get-Volume | Where-Object { $_.DriveLetter -and $_.DriveType -eq 'Fixed' } | Optimize-Volume -ReTrim -ErrorAction SilentlyContinue",
    '# Files in use stay, and are no failure.',
    'exit 0',
    '',
  );
  return lines.join('\n');
}

/** HCL's templates begin with `${` and `%{`; doubled they are plain text. */
function heredocBody(script: string): string {
  return script
    .replaceAll('${', () => '$${')
    .replaceAll('%{', '%%{')
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}`))
    .join('\n')
    .trimEnd();
}

function powershellProvisioner(script: string): string {
  return [
    'provisioner "powershell" {',
    '  inline = [<<-IMGOPT',
    heredocBody(script),
    '    IMGOPT',
    '  ]',
    '}',
    '',
  ].join('\n');
}

function shellProvisioner(script: string): string {
  // Packer writes the first line itself.
  const body = heredocBody(script.slice(script.indexOf('\n') + 1));
  return [
    'provisioner "shell" {',
    '  # As root, with sudo where there is one.',
    `  execute_command = "{{ .Vars }} $(command -v sudo) sh '{{ .Path }}'"`,
    '  inline = [<<-IMGOPT',
    body,
    '    IMGOPT',
    '  ]',
    '}',
    '',
  ].join('\n');
}

/** Ansible works in these while it runs. */
const USED_BY_ANSIBLE = new Set(['temporary-files', 'ansible-leftovers']);

function ansibleTasks(
  steps: readonly Step[],
  packages: readonly Package[],
  { safety, artifact, version }: EmitOptions,
): string {
  const quoted = (text: string): string => JSON.stringify(text);
  const lines = [
    `# imgopt ${version}: tasks for ${escapeName(artifact)}, up to safety '${safety}'. Import them last, with become: true.`,
  ];
  for (const step of steps) {
    const { rule } = step.suggestion;
    if (USED_BY_ANSIBLE.has(rule)) {
      lines.push(`# ${rule}: left out, Ansible works there while it runs`);
      continue;
    }
    for (const { manager, names } of removals(step, packages)) {
      lines.push(`- name: ${quoted(heading(step))}`);
      if (manager === 'dpkg') {
        lines.push('  ansible.builtin.apt:', '    state: absent', '    purge: true', '    name:');
        lines.push(...names.map((name) => `      - ${quoted(name)}`));
      } else {
        const script = [...helperFor(manager), `remove_${manager} ${names.map(shellQuote).join(' ')}`];
        lines.push(...shellTask(script));
      }
    }
    if (step.commands.length === 0) continue;
    const task = isWindows(step) ? powershellTask(step.commands) : shellTask(step.commands);
    lines.push(`- name: ${quoted(heading(step))}`, ...task);
  }
  return `${lines.join('\n')}\n`;
}

function powershellTask(script: readonly string[]): string[] {
  return ['  ansible.windows.win_powershell:', '    script: |', ...script.map((line) => `      ${line}`)];
}

function shellTask(script: readonly string[]): string[] {
  const body = script.flatMap((command) => command.split('\n')).map((line) => `    ${line}`);
  return ['  ansible.builtin.shell: |', '    set -eu', ...body];
}
