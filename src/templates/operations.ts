/**
 * What commands do to an image, as far as rules ask: packages, downloads, clean-up, zeros, trims. One list whether a
 * shell script, an Ansible task or an installer's file says it, so that a rule about the order of things reads one
 * sequence.
 */
import { apk, apt, dnf, language, pacman, zypper } from './package-managers.ts';
import type { Invocation } from './shell/script.ts';
import { HOLE, type Place } from './text.ts';

export interface PackageAsk {
  /** Without version or release. */
  readonly name: string;
  readonly place: Place;
}

export type Identity = 'machine-id' | 'ssh-host-keys' | 'cloud-init' | 'authorized-keys' | 'account';

interface Common {
  readonly place: Place;
  /** It may not run: inside of an if, a loop, a case or a function, or after `&&` or `||`. */
  readonly isConditional: boolean;
  /** The command that does it; null for what no shell says. */
  readonly invocation: Invocation | null;
}

export type Operation = Common &
  (
    | {
        readonly kind: 'install';
        readonly manager: string;
        readonly packages: readonly PackageAsk[];
        /** Some of its names are known only to the build. */
        readonly isDynamic: boolean;
        /** Recommended packages come with it; null where the manager knows no such thing. */
        readonly recommends: boolean | null;
        /** It leaves nothing in the manager's cache. */
        readonly noCache: boolean;
      }
    | { readonly kind: 'remove'; readonly manager: string; readonly packages: readonly PackageAsk[] }
    | { readonly kind: 'refresh' | 'upgrade' | 'clean' | 'autoremove'; readonly manager: string }
    /** Paths as they are written, with their wildcards. */
    | { readonly kind: 'erase'; readonly paths: readonly string[] }
    /** Zeros written into free space; the file that takes them, null where a tool fills the filesystem itself. */
    | { readonly kind: 'fill'; readonly target: string | null }
    | { readonly kind: 'trim' }
    | { readonly kind: 'reset'; readonly what: Identity }
    | { readonly kind: 'reboot' }
    | { readonly kind: 'check' }
  );

/** What a command does, before it is known where. */
export type Made = Operation extends infer One
  ? One extends unknown
    ? Omit<One, keyof Common>
    : never
  : never;

const DNF = new Set(['dnf', 'yum', 'dnf5', 'microdnf', 'tdnf']);
const APT = new Set(['apt-get', 'apt', 'aptitude', 'apt-fast']);

/** The manager whose command this is, in the words of `Package.manager`. */
const MANAGER_OF: Record<string, string> = {
  pip: 'python',
  pip3: 'python',
  npm: 'npm',
  gem: 'gem',
  snap: 'snap',
};

/** What a command does; most do nothing that rules ask about. */
export function operationsOf(one: Invocation): Operation[] {
  const { script, command } = one;
  const place = script.place(command.start, command.end);
  if (place === undefined) return [];
  const made = [...byName(one), ...written(one)];
  const isConditional =
    one.inside.some((each) => each.type !== 'group' && each.type !== 'subshell') || one.link > 0;
  return made.map((each) => ({ ...each, place, isConditional, invocation: one }) as Operation);
}

function byName(one: Invocation): Made[] {
  const { name, args } = one;
  if (APT.has(name)) return apt(one);
  if (DNF.has(name)) return dnf(one);
  if (name === 'zypper') return zypper(one);
  if (name === 'apk') return apk(one);
  if (name === 'pacman' || name === 'yay') return pacman(one);
  if (Object.hasOwn(MANAGER_OF, name)) return language(one, MANAGER_OF[name]!, args);
  if (/^python[0-9.]*$/.test(name) && args[0]?.text === '-m' && args[1]?.text === 'pip') {
    return language(one, 'python', args.slice(2));
  }
  switch (name) {
    case 'rm':
    case 'unlink':
    case 'shred':
      return erased(args.filter((arg) => !arg.text.startsWith('-')).map((arg) => arg.text));
    case 'find': {
      const removes = args.some(
        (arg, index) =>
          arg.text === '-delete' || (arg.text === '-exec' && /(?:^|\/)rm$/.test(args[index + 1]?.text ?? '')),
      );
      const pipedTo = one.pipeline.members[one.position + 1];
      const pipes =
        pipedTo?.kind === 'command' &&
        pipedTo.words.some((word) => word.parts.some((part) => part.kind === 'text' && part.text === 'rm'));
      if (!removes && !pipes) return [];
      return erased(
        args.filter((arg) => arg.text.startsWith('/')).map((arg) => `${arg.text.replace(/\/$/, '')}/*`),
      );
    }
    case 'dd': {
      const of = args.find((arg) => arg.text.startsWith('of='))?.text.slice(3);
      return args.some((arg) => /^if=\/dev\/zero$/.test(arg.text)) && of !== undefined && !isBounded(one)
        ? [{ kind: 'fill', target: of }]
        : [];
    }
    case 'zerofree':
    case 'sfill':
      return [{ kind: 'fill', target: null }];
    case 'fstrim':
    case 'blkdiscard':
      return [{ kind: 'trim' }];
    case 'reboot':
      return [{ kind: 'reboot' }];
    case 'shutdown':
      return args.some((arg) => arg.text === '-r') ? [{ kind: 'reboot' }] : [];
    case 'systemctl':
      return args[0]?.text === 'reboot' ? [{ kind: 'reboot' }] : [];
    case 'cloud-init':
      return args[0]?.text === 'clean'
        ? [
            { kind: 'reset', what: 'cloud-init' },
            ...(args.some((arg) => arg.text === '--machine-id')
              ? [{ kind: 'reset', what: 'machine-id' } as const]
              : []),
          ]
        : [];
    case 'truncate':
      // Emptied, not gone: no erase, but an identity is reset all the same.
      return erased(args.filter((arg) => arg.text.startsWith('/')).map((arg) => arg.text)).slice(1);
    case 'userdel':
    case 'deluser':
      return [{ kind: 'reset', what: 'account' }];
    case 'passwd':
    case 'usermod':
      return args.some((arg) => /^(?:-[a-zA-Z]*[lLd]|--lock|--delete|--expire)$/.test(arg.text))
        ? [{ kind: 'reset', what: 'account' }]
        : [];
    case 'sed':
    case 'perl':
      // The password field of an account, written by hand.
      return args.some((arg) => arg.text === '/etc/shadow') ? [{ kind: 'reset', what: 'account' }] : [];
    case 'waagent':
      return args.some((arg) => arg.text.includes('deprovision'))
        ? [
            { kind: 'reset', what: 'ssh-host-keys' },
            { kind: 'reset', what: 'cloud-init' },
            { kind: 'reset', what: 'account' },
          ]
        : [];
    case 'goss':
    case 'inspec':
    case 'pytest':
    case 'py.test':
    case 'bats':
    case 'Invoke-Pester':
    case 'serverspec':
      return [{ kind: 'check' }];
    default:
      return [];
  }
}

/** A `dd` of a stated amount makes a file (swap, say), and fills nothing. */
function isBounded(one: Invocation): boolean {
  const count = one.args.find((arg) => arg.text.startsWith('count='))?.text.slice(6);
  return count !== undefined && !count.includes(HOLE);
}

function erased(paths: readonly string[]): Made[] {
  const resets = paths.map(identityOf).filter((what) => what !== undefined);
  return [
    { kind: 'erase', paths },
    ...[...new Set(resets)].map((what) => ({ kind: 'reset', what }) as const),
  ];
}

/** Whose identity a path holds, when it is removed or emptied. */
export function identityOf(path: string): Identity | undefined {
  if (/^\/(?:etc|var\/lib\/dbus)\/machine-id$/.test(path)) return 'machine-id';
  if (/^\/etc\/ssh\/(?:ssh_host_|\*|.*_key)/.test(path)) return 'ssh-host-keys';
  if (/^\/var\/lib\/cloud(?:\/|$)/.test(path)) return 'cloud-init';
  if (/\/\.ssh(?:\/authorized_keys.*|\/\*)?$/.test(path)) return 'authorized-keys';
  return undefined;
}

/** Files that a command empties or fills by redirection. */
function written(one: Invocation): Made[] {
  const made: Made[] = [];
  for (const { operator, target } of one.command.redirects) {
    if (target === null || (operator !== '>' && operator !== '>|')) continue;
    const path = one.script.joined(target);
    const what = identityOf(path);
    if (what !== undefined && path.startsWith('/')) made.push({ kind: 'reset', what });
    if (one.name === 'cat' && one.args.some((arg) => arg.text === '/dev/zero'))
      made.push({ kind: 'fill', target: path });
  }
  return made;
}

/** Managers whose caches paths hold: removing them cleans as the manager's own command does. */
const CACHES: readonly (readonly [RegExp, string])[] = [
  [/^\/var\/(?:lib\/apt\/lists|cache\/apt)(?:\/|$)/, 'dpkg'],
  [/^\/var\/cache\/(?:dnf|yum|libdnf5|zypp|tdnf)(?:\/|$|\*)/, 'rpm'],
  [/^\/var\/cache\/apk(?:\/|$)/, 'apk'],
  [/^\/var\/cache\/pacman(?:\/|$)/, 'pacman'],
  [/^\/var\/cache(?:\/\*)?\/?$/, 'dpkg'],
];

/** The managers that an operation cleans after. */
export function cleans(one: Operation): string[] {
  if (one.kind === 'clean') return [one.manager];
  if (one.kind !== 'erase') return [];
  return CACHES.filter(([pattern]) => one.paths.some((path) => pattern.test(path))).map(
    ([, manager]) => manager,
  );
}
