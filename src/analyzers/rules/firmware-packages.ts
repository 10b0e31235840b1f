/** 200 to 1,700 MB, depending on the distribution. */
import type { RemovalRule } from '../../core/contracts/rule.ts';
import { isForVirtualMachines, packageRule } from '../package-rule.ts';

export const firmwarePackages: RemovalRule = packageRule({
  id: 'firmware-packages',
  title: 'Firmware of devices that virtual machines do not have',
  safety: 'review',
  family: 'platform',
  description:
    'linux-firmware and firmware-* where the image is for virtual machines: virtual devices need none. Passed-through GPUs and network cards do.',
  why: 'virtual devices need no firmware; keep it for passed-through hardware',
  names: /^(?:linux-firmware(?:-.*)?|firmware-.*|.*-firmware|.*-firmware-.*|atmel-firmware|alsa-firmware)$/,
  except:
    /^(?:raspi-firmware|rpi-.*|grub-firmware-.*|ovmf.*|.*-microcode|fwupd.*|linux-firmware-whence|linux-firmware-none)$/,
  when: isForVirtualMachines,
});
