/** What a command line of a package manager asks for: apt, dnf, zypper, apk, pacman, and those of languages. */
import type { Made, PackageAsk } from './operations.ts';
import type { Field, Invocation } from './shell/script.ts';
import { HOLE } from './text.ts';

/** Things that a command is asked to do: options taken away, those with values of their own with these. */
interface Request {
  readonly verb: string;
  readonly operands: readonly Field[];
  readonly options: readonly string[];
}

function request(args: readonly Field[], withValue: ReadonlySet<string>): Request {
  const operands: Field[] = [];
  const options: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg.text.startsWith('-') && arg.text.length > 1) {
      options.push(arg.text);
      if (withValue.has(arg.text)) {
        const value = args[++i];
        if (value !== undefined) options.push(value.text);
      }
    } else operands.push(arg);
  }
  const [verb, ...rest] = operands;
  return { verb: verb?.text ?? '', operands: rest, options };
}

const APT_VALUES = new Set([
  '-o',
  '-c',
  '-t',
  '-q=',
  '--option',
  '--config-file',
  '--target-release',
  '--default-release',
]);
const DNF_VALUES = new Set([
  '--repo',
  '--repoid',
  '-c',
  '--config',
  '--installroot',
  '-x',
  '--exclude',
  '--setopt',
  '-d',
  '-e',
  '--releasever',
  '-R',
]);
const ZYPPER_VALUES = new Set([
  '--repo',
  '-r',
  '--from',
  '-R',
  '--root',
  '--plus-repo',
  '-p',
  '-t',
  '--type',
]);
const APK_VALUES = new Set([
  '--virtual',
  '-t',
  '--repository',
  '-X',
  '-p',
  '--root',
  '--cache-dir',
  '--arch',
  '--keys-dir',
]);
const NO_VALUES: ReadonlySet<string> = new Set();
const PIP_VALUES = new Set([
  '-i',
  '--index-url',
  '--extra-index-url',
  '-r',
  '--requirement',
  '-c',
  '--constraint',
  '--target',
  '-t',
  '--prefix',
  '-f',
  '--find-links',
  '--proxy',
  '--cert',
  '--trusted-host',
  '--timeout',
]);

function asks(one: Invocation, fields: readonly Field[]): { packages: PackageAsk[]; isDynamic: boolean } {
  const packages: PackageAsk[] = [];
  let isDynamic = one.prefixes.includes('xargs');
  for (const { text, start, end } of fields) {
    if (text.includes(HOLE)) {
      isDynamic = true;
      continue;
    }
    const place = one.script.place(start, end);
    if (place !== undefined && text !== '') packages.push({ name: text, place });
  }
  return { packages, isDynamic };
}

export function apt(one: Invocation): Made[] {
  const { verb, operands, options } = request(one.args, APT_VALUES);
  const manager = 'dpkg';
  switch (verb) {
    case 'install':
    case 'build-dep':
    case 'reinstall': {
      const { packages, isDynamic } = asks(one, operands);
      const without =
        options.some(
          (option) =>
            option === '--no-install-recommends' || option === '--without-recommends' || option === '-R',
        ) || options.some((option) => /Install-Recommends=(?:0|false|no)/i.test(option));
      return [
        {
          kind: 'install',
          manager,
          packages: packages
            .map((each) => ({ ...each, name: each.name.replace(/[=/+].*$/, '').replace(/:[a-z0-9]+$/, '') }))
            .filter(({ name }) => name !== ''),
          isDynamic,
          recommends: !without,
          noCache: false,
        },
      ];
    }
    case 'remove':
    case 'purge':
      return [{ kind: 'remove', manager, packages: asks(one, operands).packages }];
    case 'autoremove':
    case 'autopurge':
      return [{ kind: 'autoremove', manager }];
    case 'clean':
    case 'distclean':
      return [{ kind: 'clean', manager }];
    case 'update':
      return [{ kind: 'refresh', manager }];
    case 'upgrade':
    case 'dist-upgrade':
    case 'full-upgrade':
    case 'safe-upgrade':
      return [{ kind: 'upgrade', manager }];
    default:
      return [];
  }
}

export function dnf(one: Invocation): Made[] {
  const { verb, operands, options } = request(one.args, DNF_VALUES);
  const manager = 'rpm';
  switch (verb) {
    case 'install':
    case 'localinstall':
    case 'reinstall':
    case 'groupinstall': {
      const weak = options.some((option) => /install_weak_deps=(?:0|false|no)/i.test(option));
      return [{ kind: 'install', manager, ...asks(one, operands), recommends: !weak, noCache: false }];
    }
    case 'remove':
    case 'erase':
    case 'groupremove':
      return [{ kind: 'remove', manager, packages: asks(one, operands).packages }];
    case 'autoremove':
      return [{ kind: 'autoremove', manager }];
    case 'clean':
      return [{ kind: 'clean', manager }];
    case 'makecache':
    case 'check-update':
      return [{ kind: 'refresh', manager }];
    case 'update':
    case 'upgrade':
    case 'distro-sync':
    case 'upgrade-minimal':
    case 'update-minimal':
      return [{ kind: 'upgrade', manager }];
    default:
      return [];
  }
}

export function zypper(one: Invocation): Made[] {
  const { verb, operands, options } = request(one.args, ZYPPER_VALUES);
  const manager = 'rpm';
  switch (verb) {
    case 'in':
    case 'install': {
      const recommends = !options.includes('--no-recommends');
      return [{ kind: 'install', manager, ...asks(one, operands), recommends, noCache: false }];
    }
    case 'rm':
    case 'remove':
      return [{ kind: 'remove', manager, packages: asks(one, operands).packages }];
    case 'cc':
    case 'clean':
      return [{ kind: 'clean', manager }];
    case 'ref':
    case 'refresh':
      return [{ kind: 'refresh', manager }];
    case 'up':
    case 'update':
    case 'dup':
    case 'dist-upgrade':
    case 'patch':
      return [{ kind: 'upgrade', manager }];
    default:
      return [];
  }
}

export function apk(one: Invocation): Made[] {
  const { verb, operands, options } = request(one.args, APK_VALUES);
  const manager = 'apk';
  switch (verb) {
    case 'add': {
      const { packages, isDynamic } = asks(one, operands);
      const names = packages.map((each) => ({ ...each, name: each.name.replace(/[<>=~@].*$/, '') }));
      return [
        {
          kind: 'install',
          manager,
          packages: names,
          isDynamic,
          recommends: null,
          noCache: options.includes('--no-cache'),
        },
      ];
    }
    case 'del':
      return [{ kind: 'remove', manager, packages: asks(one, operands).packages }];
    case 'cache':
      return operands[0]?.text === 'clean' || operands[0]?.text === 'purge'
        ? [{ kind: 'clean', manager }]
        : [];
    case 'update':
      return [{ kind: 'refresh', manager }];
    case 'upgrade':
      return [{ kind: 'upgrade', manager }];
    default:
      return [];
  }
}

export function pacman(one: Invocation): Made[] {
  const manager = 'pacman';
  const flags = one.args.filter((arg) => /^-[A-Z]/.test(arg.text)).map((arg) => arg.text.slice(1));
  const flag = flags[0] ?? '';
  const operands = one.args.filter((arg) => !arg.text.startsWith('-'));
  if (flag.startsWith('R')) return [{ kind: 'remove', manager, packages: asks(one, operands).packages }];
  if (!flag.startsWith('S')) return [];
  if (flag.includes('c')) return [{ kind: 'clean', manager }];
  const made: Made[] = [];
  if (flag.includes('y')) made.push({ kind: 'refresh', manager });
  if (flag.includes('u')) made.push({ kind: 'upgrade', manager });
  const { packages, isDynamic } = asks(one, operands);
  if (packages.length > 0 || isDynamic) {
    made.push({ kind: 'install', manager, packages, isDynamic, recommends: null, noCache: false });
  }
  return made;
}

export function language(one: Invocation, manager: string, args: readonly Field[]): Made[] {
  const { verb, operands, options } = request(args, manager === 'python' ? PIP_VALUES : NO_VALUES);
  if (verb === 'install' || (manager === 'npm' && (verb === 'i' || verb === 'add'))) {
    const { packages, isDynamic } = asks(one, operands);
    const names = packages.map((each) => ({ ...each, name: each.name.replace(/(?<=.)[=<>~![@].*$/, '') }));
    const noCache = manager !== 'python' || options.includes('--no-cache-dir');
    return [{ kind: 'install', manager, packages: names, isDynamic, recommends: null, noCache }];
  }
  if (verb === 'remove' || verb === 'uninstall') {
    return [{ kind: 'remove', manager, packages: asks(one, operands).packages }];
  }
  if (verb === 'cache' && /^(?:purge|clean)$/.test(operands[0]?.text ?? ''))
    return [{ kind: 'clean', manager }];
  return [];
}
