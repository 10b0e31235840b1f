/** A tar archive, by what it holds: a machine's disks, a container image, or the files of a system. */
import type { Disk, ImageContext } from '../../core/contracts/disk.ts';
import type { BlockSource } from '../../core/contracts/source.ts';
import { openContainerImage } from './oci.ts';
import { readTar } from './tar-files.ts';
import { openTarMachine } from './tar-machine.ts';
import { treeDriver } from './tree-filesystem.ts';

/** @throws ImgoptError for a broken archive, and whatever opening the disks in it throws */
export async function openTar(file: BlockSource, context: ImageContext): Promise<Disk> {
  const archive = await readTar(file, context);
  const { members, tree, contents } = archive;
  if (members !== undefined && tree.lookup('oci-layout') === undefined) {
    const disk = await openTarMachine(file, members, context);
    if (disk !== undefined) return disk;
  }
  const image = await openContainerImage(file, tree, context);
  if (image !== undefined) return image;
  return {
    format: 'tar',
    details: { members: archive.count },
    source: file,
    files: [{ ...context.file, role: 'image', format: 'tar' }],
    mapIsExact: true,
    snapshotBytes: 0,
    tree: treeDriver('tar', tree, contents),
    async close() {},
  };
}
