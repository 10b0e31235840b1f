/** A loose OVF descriptor with its disks beside it, as VirtualBox and ovftool export a machine. */
import type { Disk, ImageContext, ImageFile, OpenedFile } from '../../core/contracts/disk.ts';
import type { BlockSource } from '../../core/contracts/source.ts';
import { ImgoptError } from '../../core/errors.ts';
import { openMachine } from './machine.ts';
import { decodedName, Members, readText, type StoredMember } from './members.ts';
import { parseOvf } from './ovf.ts';
import { ovfDisks } from './tar-machine.ts';

/** @throws ImgoptError when the descriptor is broken or a disk is missing or lies outside of its folder */
export async function openOvf(file: BlockSource, context: ImageContext): Promise<Disk> {
  const name = context.file.path.split(/[/\\]/).at(-1)!;
  const descriptor = memberOf(name, file);
  const ovf = parseOvf(await readText(descriptor));
  const members = [descriptor];
  const files: ImageFile[] = [{ ...context.file, role: 'image', format: 'ovf' }];
  const take = ({ source, file: { path, fileSize, allocated } }: OpenedFile, as: string): void => {
    members.push(memberOf(as, source));
    files.push({ path, fileSize, allocated, role: 'extent', format: 'ovf' });
  };
  for (const { href } of ovf.files) take(await context.openFile(decodedName(href)), href);
  const manifest = name.replace(/\.[^.]*$/, '.mf');
  const opened = await openIfThere(manifest, context);
  if (opened !== undefined) take(opened, manifest);
  const all = new Members(members);
  return openMachine(
    {
      format: 'ovf',
      members: all,
      disks: ovfDisks(all, descriptor, ovf, context),
      ovf: { member: descriptor, ovf },
      metadata: undefined,
      files,
      details: {},
    },
    context,
  );
}

/** In an archive they are root's, as everybody writes them. */
function memberOf(name: string, source: BlockSource): StoredMember {
  return { name, source, isFolder: false, mode: 0o644, uid: 0, gid: 0, modified: 0 };
}

/** Undefined when there is none: a manifest is optional. */
async function openIfThere(name: string, context: ImageContext): Promise<OpenedFile | undefined> {
  try {
    return await context.openFile(name);
  } catch (error) {
    if (error instanceof ImgoptError && error.code === 'IMGOPT_REFERENCE_NOT_FOUND') return undefined;
    throw error;
  }
}
