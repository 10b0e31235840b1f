/**
 * Package URLs, by which SBOMs say whose package a component is: `pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=
 * debian-12` (https://github.com/package-url/purl-spec). Only what a report tells is taken from one.
 */
import type { OsSection } from '../core/contracts/report.ts';

export interface PackageUrl {
  /** In the words of the report's package databases where there is one of them. */
  readonly manager: string;
  /** With its namespace where that is part of the name (`@scope/name`, `github.com/x/y`). */
  readonly name: string;
  readonly version: string | null;
  readonly architecture: string | null;
  /** `debian-12`, as syft and Trivy have it. */
  readonly distro: string | null;
}

/** The purl types of system packages, whose namespace is the distribution, and what imgopt calls their managers. */
const SYSTEM: Record<string, string> = { deb: 'dpkg', rpm: 'rpm', apk: 'apk', alpm: 'pacman' };
const LANGUAGE: Record<string, string> = { pypi: 'python', npm: 'npm', gem: 'gem', golang: 'go' };

/** Null for what is no purl. */
export function parsePurl(text: unknown): PackageUrl | null {
  if (typeof text !== 'string' || !text.startsWith('pkg:')) return null;
  const [body, query] = text.slice(4).replace(/^\/+/, '').split('#')[0]!.split('?') as [string, string?];
  const slash = body.indexOf('/');
  if (slash <= 0) return null;
  const type = body.slice(0, slash).toLowerCase();
  const rest = body.slice(slash + 1);
  // The version follows the last @ of the last segment; a scope's own @ is encoded, or begins the segment.
  const at = rest.lastIndexOf('@');
  const hasVersion = at > 0 && at > rest.lastIndexOf('/') + 1;
  const segments = (hasVersion ? rest.slice(0, at) : rest)
    .split('/')
    .filter((one) => one !== '')
    .map(decode);
  const last = segments.at(-1);
  if (last === undefined) return null;
  const qualifiers = new URLSearchParams(query ?? '');
  const system = SYSTEM[type];
  return {
    manager: system ?? LANGUAGE[type] ?? type,
    name: system === undefined ? segments.join('/') : last,
    version: hasVersion ? decode(rest.slice(at + 1)) : null,
    architecture: qualifiers.get('arch'),
    distro: qualifiers.get('distro'),
  };
}

/** Percent-decoding that leaves alone what is none. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The distribution that the packages name, when the SBOM says nothing else. */
export function osOfPurls(urls: readonly (PackageUrl | null)[]): OsSection | null {
  const distro = urls.find((one) => one?.distro != null)?.distro;
  if (distro == null) return null;
  const dash = distro.indexOf('-');
  return {
    id: dash < 0 ? distro : distro.slice(0, dash),
    versionId: dash < 0 ? null : distro.slice(dash + 1),
    prettyName: null,
    architecture: null,
  };
}
