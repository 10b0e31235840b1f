/**
 * What a rule is: one file in src/analyzers/rules, one opinion about what an image need not carry.
 *
 * A rule only points: at table entries and at packages. How many bytes that frees, what else leaves with a package,
 * what another rule claimed before and what the boot needs is the same for all of them and is worked out by the
 * engine (src/analyzers/suggest.ts), so that no rule can count a byte twice or take the kernel away.
 */
import type { JsonValue } from './disk.ts';
import type { Inspection } from './inspection.ts';
import type { CommandShell, MeasuredBooks, Safety } from './report.ts';

/** In the order in which a script works: packages write logs and caches, so those are emptied after them. */
export type RuleFamily =
  | 'packages'
  | 'kernels'
  | 'development'
  | 'documentation'
  | 'language leftovers'
  | 'platform'
  | 'containers'
  | 'backups'
  | 'package caches'
  | 'caches'
  | 'crash data'
  | 'logs'
  | 'temporary files'
  | 'swap'
  | 'content'
  | 'disk'
  | 'hygiene';

/** Where the image will run; a multi-cloud image leaves it open. */
export type Platform =
  | 'aws'
  | 'azure'
  | 'gcp'
  | 'openstack'
  | 'digitalocean'
  | 'hetzner'
  | 'oracle'
  | 'vmware'
  | 'virtualbox'
  | 'hyperv'
  | 'xen'
  | 'qemu'
  | 'parallels';

/** Something that a configuration may set. */
export interface RuleParameter {
  readonly name: string;
  readonly description: string;
  /** What the value is: a configuration writes bytes as sizes (`5MiB`); `words` are a list. */
  readonly unit: 'bytes' | 'days' | 'number' | 'words';
  readonly default: number | readonly string[];
}

/** What the whole run knows beside the image. */
export interface RuleOptions {
  readonly platform: Platform | null;
  /** Ids of rules that do not run unless they are asked for by name. */
  readonly off: readonly string[];
  /** Safety or severity in place of the rule's own and its findings': rule id → level. */
  readonly levels: { readonly [rule: string]: string };
  /** Values that replace parameters' defaults: rule id → parameter → value. */
  readonly parameters: { readonly [rule: string]: { readonly [name: string]: JsonValue } };
}

/** The files as rules ask for them. Paths are the guest's; everything answers 'nothing' where there is no root. */
export interface GuestFiles {
  /** The entry at a path, links in its middle followed, one at its end not; -1. */
  lookup(path: string): number;
  /** The same, a link at its end followed too. */
  resolve(path: string): number;
  /** Entries that match; `*` and `?` stand for parts of one name, and do match a leading dot. */
  glob(pattern: string): number[];
  children(directory: number): number[];
  name(entry: number): string;
  pathOf(entry: number): string;
  isFile(entry: number): boolean;
  isDirectory(entry: number): boolean;
  /** An entry and everything below it; other filesystems that are mounted there included. */
  tree(entry: number): number[];
  /** Every directory of the guest with this name. */
  directoriesNamed(name: string): readonly number[];
  /** Every regular file whose name ends with `.extension` (letters as they are, without the dot). */
  filesWithExtension(extension: string): readonly number[];
  /** Text of a small file, or undefined. */
  read(path: string): Promise<string | undefined>;
  readEntry(entry: number): Promise<string | undefined>;
  /** Position in `inspection.packages` of the first owner among the distribution's own packages, or -1. */
  ownerOf(entry: number): number;
  /** Home directories: /root and those in /home. */
  readonly homes: readonly string[];
}

/** A kernel that stands in the image. */
export interface GuestKernel {
  readonly version: string;
  /** Entries of vmlinuz, initramfs, config, System.map and its modules; -1 for what is not there. */
  readonly image: number;
  readonly initramfs: readonly number[];
  readonly others: readonly number[];
  readonly modules: number;
  /** Positions of the packages that own its image or modules. */
  readonly packages: readonly number[];
  readonly isRescue: boolean;
}

export interface GuestBoot {
  readonly kernels: readonly GuestKernel[];
  /** What the boot loader starts when nobody asks; null where that cannot be told. */
  readonly defaultVersion: string | null;
  /** What says so: `/boot/grub/grub.cfg`, `the newest kernel` … */
  readonly evidence: string;
  /** A boot loader's own configuration says so. */
  readonly isConfigured: boolean;
}

/** What removing packages means for the others. */
export interface PackageGraph {
  /** Installed packages by name. */
  find(name: string): readonly number[];
  /** Positions of installed packages whose name matches. */
  matching(pattern: RegExp): readonly number[];
  isInstalled(index: number): boolean;
  /** Essential, protected, or what the boot needs: never removed. */
  isProtected(index: number): boolean;
  /** Automatic packages that nothing needs, as the manager's own autoremove finds them. */
  readonly unneeded: readonly number[];
  /** Automatic packages that stay only because something recommends or suggests them. */
  readonly onlyRecommended: readonly number[];
  /** Installed packages that directly require it, or something that only it provides. */
  requiredBy(index: number): readonly number[];
}

export interface RuleInput {
  readonly inspection: Inspection;
  readonly files: GuestFiles;
  readonly graph: PackageGraph;
  readonly boot: GuestBoot;
  readonly books: MeasuredBooks | null;
  readonly options: RuleOptions;
  /** Value of a parameter of the rule that is being evaluated. */
  number(name: string): number;
  list(name: string): readonly string[];
}

/** One thing that could go. */
export interface Finding {
  /** In place of the rule's. */
  readonly title?: string;
  readonly safety?: Safety;
  /** Table entries that disappear or lose their content; directories do not imply what is below them. */
  readonly entries?: readonly number[];
  /** Positions of packages to remove; the engine adds what leaves with them and keeps what others need. */
  readonly packages?: readonly number[];
  /** For what is no file: bytes of the artifact that go. */
  readonly bytes?: number;
  /** For the way everything is stored: the part that goes of those bytes in use that no other finding takes. */
  readonly share?: number;
  /** By position in `entries`, where content is only made smaller: bytes in place of what the entry occupies. */
  readonly freed?: readonly number[];
  /** For people: patterns and paths, the telling ones first. */
  readonly paths: readonly string[];
  /** Commands of the rule's shell, idempotent; packages are removed by the engine's own. */
  readonly commands: readonly string[];
  readonly reason: string;
}

export interface RemovalRule {
  /** Stable: it stands in configurations. */
  readonly id: string;
  readonly title: string;
  readonly safety: Safety;
  readonly family: RuleFamily;
  /** For docs/rules.md: what it looks for and why that can go. */
  readonly description: string;
  readonly parameters?: readonly RuleParameter[];
  /** Reads content of files: only with --deep. */
  readonly deep?: true;
  /** What its commands are written in; sh when absent. */
  readonly shell?: CommandShell;
  evaluate(input: RuleInput): readonly Finding[] | Promise<readonly Finding[]>;
}

export type HygieneSeverity = 'info' | 'warning' | 'error';

export interface HygieneFinding {
  readonly severity?: HygieneSeverity;
  readonly paths: readonly string[];
  readonly commands: readonly string[];
  readonly reason: string;
}

/** What must not be published with an image; severity instead of bytes. */
export interface HygieneRule {
  readonly id: string;
  readonly title: string;
  readonly severity: HygieneSeverity;
  readonly family: 'hygiene';
  readonly description: string;
  readonly parameters?: readonly RuleParameter[];
  evaluate(input: RuleInput): readonly HygieneFinding[] | Promise<readonly HygieneFinding[]>;
}
