/** The members of a container of disks, found by name as its descriptors name them. */
import type { ImageContext, ImageMember, PackedMember } from '../../core/contracts/disk.ts';
import { corrupt, isArtifactError } from '../../core/errors.ts';
import { MAX_CONTAINER_TEXT_BYTES } from '../../core/limits.ts';
import { decodeUtf8, escapeName } from '../../core/text.ts';

/** Without `./`, empty parts and backslashes: what Windows and Unix tools write of the same name. */
export function plainName(name: string): string {
  return name
    .replaceAll('\\', '/')
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

/** A member with all that writing it again needs. */
export interface StoredMember extends ImageMember, PackedMember {
  readonly name: string;
  readonly source: ImageMember['source'];
  readonly isFolder: boolean;
}

export class Members {
  readonly all: readonly StoredMember[];
  private readonly byName: ReadonlyMap<string, StoredMember>;

  constructor(all: readonly StoredMember[]) {
    this.all = all;
    // Of two members with one name, unpacking leaves the later.
    this.byName = new Map(all.filter(({ isFolder }) => !isFolder).map((one) => [plainName(one.name), one]));
  }

  /** By name, from the container's root. */
  find(name: string): StoredMember | undefined {
    return this.byName.get(plainName(name));
  }

  /** By a name that is relative to another member; `%20` and the like are as in a URL (OVF's href is one). */
  beside(member: ImageMember, reference: string): StoredMember | undefined {
    const folder = plainName(member.name).split('/').slice(0, -1);
    const at = (name: string): StoredMember | undefined => this.find([...folder, name].join('/'));
    return at(reference) ?? at(decodedName(reference));
  }

  /** Files whose name ends so, in the container's order. */
  ending(pattern: RegExp): StoredMember[] {
    return [...this.byName.values()].filter(({ name }) => pattern.test(name));
  }

  get files(): readonly StoredMember[] {
    return [...this.byName.values()];
  }
}

/** OVF's href is a URL, so that blanks may be `%20`. */
export function decodedName(reference: string): string {
  try {
    return decodeURIComponent(reference);
  } catch {
    return reference; // a stray percent sign: then it is meant as it stands
  }
}

/** Text of a small member. @throws ImgoptError `corrupt` when it is too long to be one */
export async function readText({ name, source }: ImageMember): Promise<string> {
  if (source.size > MAX_CONTAINER_TEXT_BYTES)
    throw corrupt('CONTAINER_TEXT', `its '${escapeName(name)}' is ${source.size} bytes long`);
  const bytes = new Uint8Array(source.size);
  await source.read(bytes, 0);
  return decodeUtf8(bytes);
}

/** A member's JSON, or undefined when it is broken: said, and gone around. */
export async function readJson(member: ImageMember, context: ImageContext): Promise<unknown> {
  const place = context.at(escapeName(member.name));
  try {
    return JSON.parse(await readText(member));
  } catch (error) {
    if (isArtifactError(error)) throw error;
    place.report('warning', 'CONTAINER_JSON', `is no whole JSON document: ${(error as Error).message}`);
    return undefined;
  }
}
