/**
 * The parent of a differencing disk. A child names it several times: by locators for the platforms that it was
 * used on (a path relative to the child, an absolute one), and by its plain name in the header. They are tried in
 * the order of what survives a move to another machine; of an absolute Windows path only the file's name does.
 *
 * Which of them is right, the parent's identifier says. A parent with another one, or that was written to since
 * (its time stamp), is read all the same, and the user is warned: as with a qcow2's backing file, whoever renamed
 * it may have known better.
 */
import type { Disk, ImageContext } from '../../../core/contracts/disk.ts';
import type { BlockSource } from '../../../core/contracts/source.ts';
import { corrupt } from '../../../core/errors.ts';
import { escapeName, hex } from '../../../core/text.ts';
import { openParentOf, type Parent } from '../../../sources/parent.ts';
import { readBytes } from '../../../sources/read.ts';
import type { VhdFooter, VhdHeader } from './structures.ts';

/** A path in a locator: Windows' longest is 32,767 characters of two bytes. */
const MAX_LOCATOR_BYTES = 65536;

/** @throws ImgoptError of the last name tried; `corrupt` when there is none */
export async function openParent(
  file: BlockSource,
  footer: VhdFooter,
  header: VhdHeader,
  context: ImageContext,
): Promise<Parent> {
  const names = await parentNames(file, footer, header);
  const unnamed = corrupt('VHD_PARENT_UNNAMED', 'is a differencing disk that does not name its parent');
  const parent = await openParentOf(names, 'vpc', context, unnamed);
  checkIdentity(parent.disk, parent.reference, header, context);
  return parent;
}

function checkIdentity(disk: Disk, name: string, header: VhdHeader, context: ImageContext): void {
  if (disk.details.uuid !== header.parentUuid) {
    context.report(
      'warning',
      'VHD_PARENT_OTHER',
      `the parent ${escapeName(name)} has the identifier ${String(disk.details.uuid)}, not ${header.parentUuid}: ` +
        'it is another disk, and data from it may be wrong',
    );
  } else if (disk.details.timestamp !== header.parentTimestamp) {
    context.report(
      'warning',
      'VHD_PARENT_CHANGED',
      `the parent ${escapeName(name)} has another time stamp than when this disk was split off: ` +
        'it may have been written to since then',
    );
  }
}

/** Names to try, each once: relative paths, names beside the image. */
async function parentNames(file: BlockSource, footer: VhdFooter, header: VhdHeader): Promise<string[]> {
  const relative: string[] = [];
  const absolute: string[] = [];
  for (const locator of header.locators) {
    const { PlatformCode: code, PlatformDataOffset: offset, PlatformDataLength: length } = locator;
    if (code === '\0\0\0\0' || length === 0) continue;
    if (length > MAX_LOCATOR_BYTES || offset + length > footer.dataEnd) {
      throw corrupt(
        'VHD_LOCATOR_OUT_OF_FILE',
        `a parent locator's ${length} bytes at ${hex(offset)} do not lie inside the file`,
        { advice: 'the dynamic header is damaged: copy the image again' },
      );
    }
    const bytes = Buffer.from(await readBytes(file, offset, length));
    if (code === 'W2ru' || code === 'Wi2r') relative.push(text(bytes, code === 'W2ru'));
    else if (code === 'W2ku' || code === 'Wi2k') absolute.push(text(bytes, code === 'W2ku'));
    else if (code === 'MacX') absolute.push(decodeUrl(text(bytes, false)));
  }
  if (header.parentName !== '') absolute.push(header.parentName);
  const slashes = (name: string): string => name.replaceAll('\\', '/');
  const names = [
    ...relative.map((name) => slashes(name).replace(/^(?:\.\/)+/, '')),
    ...absolute.map((name) => slashes(name).split('/').at(-1)!),
  ];
  return names;
}

function text(bytes: Buffer, isUtf16: boolean): string {
  return bytes.toString(isUtf16 ? 'utf16le' : 'utf8').split('\0')[0]!;
}

/** `file://localhost/a%20b.vhd` as a path; as it is when it cannot be decoded. */
function decodeUrl(url: string): string {
  try {
    return decodeURIComponent(url);
  } catch {
    return url;
  }
}
