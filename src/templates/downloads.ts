/** Where commands fetch from. */
import type { Field, Invocation } from './shell/script.ts';
import { HOLE } from './text.ts';

const FETCHERS = new Set(['curl', 'wget', 'fetch', 'aria2c', 'lynx']);
/** Options of curl and wget whose value may look like an address and is none that is fetched. */
const NOT_FETCHED = new Set([
  '-H',
  '--header',
  '-x',
  '--proxy',
  '-e',
  '--referer',
  '-A',
  '--user-agent',
  '-d',
  '--data',
  '--resolve',
  '--noproxy',
  '-w',
  '--write-out',
]);

/** The addresses that a command fetches from, dynamic parts as HOLE. */
export function fetched(one: Invocation): Field[] {
  if (FETCHERS.has(one.name)) {
    return one.args.filter(
      (arg, index) => /^[a-z]+:\/\//i.test(arg.text) && !NOT_FETCHED.has(one.args[index - 1]?.text ?? ''),
    );
  }
  const [verb] = one.args;
  // A repository's packages are signed; a package by its address is mostly not.
  const addsRepository = one.args.some((arg) => /^(?:ar|addrepo|config-manager|--import)$/.test(arg.text));
  const isPackage = /^(?:dnf|yum|microdnf|rpm|pip3?|npm|zypper)$/.test(one.name) && !addsRepository;
  if (isPackage || (one.name === 'git' && verb?.text === 'clone')) {
    return one.args.filter((arg) => /^(?:git\+)?https?:\/\//i.test(arg.text));
  }
  return [];
}

export function isFetcher(name: string): boolean {
  return FETCHERS.has(name);
}

/** Addresses on this machine, in private networks, or that only the build knows (Packer's own HTTP server). */
export function isNear(url: string): boolean {
  const host = /^[a-z+]+:\/\/(?:[^/@]*@)?(\[[^\]]*\]|[^/:?#]*)/i.exec(url)?.[1]?.toLowerCase() ?? '';
  return (
    host === '' ||
    host.includes(HOLE) ||
    host.includes('{{') ||
    host.includes('$') ||
    host === 'localhost' ||
    !host.includes('.') ||
    /^(?:127|10)\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|^169\.254\.|^\[/.test(host) ||
    /\.(?:local|internal|lan|test|example|invalid)$/.test(host)
  );
}

const VERIFIERS =
  /^(?:sha(?:1|224|256|384|512)sum|b2sum|shasum|gpgv?2?|cosign|minisign|signify|rpmkeys|apt-key)$/;

/** Later in the same script something checks a digest or a signature. */
export function isVerifiedLater(one: Invocation): boolean {
  const all = one.script.invocations;
  return all
    .slice(all.indexOf(one) + 1)
    .some(
      (later) =>
        VERIFIERS.test(later.name) ||
        (later.name === 'openssl' && later.args[0]?.text === 'dgst') ||
        later.name === 'debsig-verify',
    );
}
