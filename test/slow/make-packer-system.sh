#!/usr/bin/env bash
# A small Debian system that Packer can log into over SSH, without mounting anything:
#   make-packer-system.sh FOLDER
# FOLDER gets base.qcow2 (one ext4 partition, root's password is imgopt), vmlinuz and initrd.img, by which QEMU starts
# it. Needs mmdebstrap, fakeroot (or root), e2fsprogs, fdisk, qemu-utils.
set -euo pipefail
folder=$1
mkdir -p "$folder"
cd "$folder"
export LC_ALL=C
mode=$( ((EUID == 0)) && echo root || echo unshare)
fake=$( ((EUID == 0)) && echo env || echo fakeroot)

mmdebstrap --mode="$mode" --format=tar --variant=apt \
  --include=linux-image-cloud-amd64,systemd-sysv,udev,openssh-server,iproute2 \
  --customize-hook='echo root:imgopt | chroot "$1" chpasswd' \
  --customize-hook='echo PermitRootLogin yes >"$1/etc/ssh/sshd_config.d/packer.conf"' \
  --customize-hook='echo packer-test >"$1/etc/hostname"' \
  --customize-hook='printf "[Match]\nName=e*\n[Network]\nDHCP=ipv4\n" >"$1/etc/systemd/network/80-dhcp.network"' \
  --customize-hook='chroot "$1" systemctl enable systemd-networkd' \
  --customize-hook='echo "/dev/vda1 / ext4 defaults 0 1" >"$1/etc/fstab"' \
  bookworm system.tar

$fake bash -euc '
  mkdir tree
  tar -xf system.tar -C tree --numeric-owner
  cp tree/boot/vmlinuz-* vmlinuz
  cp tree/boot/initrd.img-* initrd.img
  truncate -s 1500M root.ext4
  mke2fs -q -F -t ext4 -L root -d tree root.ext4
'
truncate -s 1502M disk.raw
echo 'start=1MiB, size=1500MiB, type=83, bootable' | sfdisk -q --label dos disk.raw
dd if=root.ext4 of=disk.raw bs=1M seek=1 conv=notrunc,sparse status=none
qemu-img convert -O qcow2 disk.raw base.qcow2
rm -rf tree system.tar root.ext4 disk.raw
