/** Names of other host files, as images write them. */
import { unsupported } from '../core/errors.ts';
import { escapeName } from '../core/text.ts';

/**
 * A reference as a host file's name. As qemu, a colon before the first slash ends a protocol; `file:` is plain.
 * One letter is a drive of Windows.
 * @param what the role of the file, for the error: `backing file`
 * @param prefix of the error's code: `QCOW2`
 * @throws ImgoptError `unsupported` naming the reference
 */
export function hostName(name: string, what: string, prefix: string): string {
  const protocol = /^([^/\\:]*):/.exec(name)?.[1];
  if (protocol === undefined || /^[A-Za-z]$/.test(protocol)) return name;
  if (protocol === 'file' && !name.startsWith('file://')) return name.slice('file:'.length);
  const shown = name.length > 120 ? `${name.slice(0, 120)}…` : name;
  throw unsupported(`${prefix}_REFERENCE`, `the ${what} '${escapeName(shown)}' is not a plain file name`, {
    advice: "make it local and point the image to it with 'qemu-img rebase -u'",
  });
}
