/**
 * Sizes in syft's words. `installedSize` is what the package's database says, in its own unit: KiB for dpkg, bytes
 * for apk; `size` is bytes of installed files for rpm and pacman, but of the download for apk.
 */
import { sizeOf } from './manifest.ts';

/** Bytes installed, or null. */
export function syftSize(manager: string, installedSize: unknown, size: unknown): number | null {
  if (manager === 'dpkg') return sizeOf(installedSize, 1024);
  if (manager === 'apk') return sizeOf(installedSize);
  if (manager === 'rpm' || manager === 'pacman') return sizeOf(size);
  return null;
}
