/**
 * Containers and archives: what holds disks or files rather than being a disk. Recognising them costs next to
 * nothing; what reads them is loaded when there is one.
 */
import type { ImageFormat } from '../../core/contracts/disk.ts';
import { decodeUtf8 } from '../../core/text.ts';
import { isTarHeader } from '../../sources/tar-layout.ts';

/** An OVA, a Vagrant box, a container image or the files of a system. */
export const tarFormat: ImageFormat = {
  name: 'tar',
  isContainer: true,
  // Old headers have no magic: their checksum, and a name, must do.
  probe: ({ head }) =>
    head[0] !== 0 && isTarHeader(head) ? { certainty: 'certain', description: 'a tar archive' } : undefined,
  async open(file, context) {
    const { openTar } = await import('./tar.ts');
    return openTar(file, context);
  },
};

/** A loose descriptor: its disks lie beside it. */
export const ovfFormat: ImageFormat = {
  name: 'ovf',
  isContainer: true,
  probe: ({ head }) =>
    /^\ufeff?\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--[\s\S]*?-->\s*)*<(?:\w+:)?Envelope[\s>]/.test(
      decodeUtf8(head.subarray(0, OVF_HEAD_BYTES)),
    )
      ? { certainty: 'certain', description: 'an OVF descriptor' }
      : undefined,
  async open(file, context) {
    const { openOvf } = await import('./ovf-files.ts');
    return openOvf(file, context);
  },
};

/** An initramfs, or any archive that `cpio -H newc` made. */
export const cpioFormat: ImageFormat = {
  name: 'cpio',
  isContainer: true,
  probe: ({ head }) =>
    /^07070[127]/.test(Buffer.from(head.subarray(0, 6)).toString('latin1'))
      ? { certainty: 'certain', description: 'a cpio archive' }
      : undefined,
  async open(file, context) {
    const { openCpio } = await import('./cpio.ts');
    return openCpio(file, context);
  },
};

/** A comment of a vendor's may come before the root element. */
const OVF_HEAD_BYTES = 8 * 1024;
