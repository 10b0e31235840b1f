#!/usr/bin/env bash
# Builds a full Debian system as a disk image that boots under UEFI, without mounting anything:
#   make-debian.sh FOLDER [SIZE_GIB] [DELETED_MIB]
# FOLDER gets debian.tar (the tree), root.ext4, disk.raw (GPT: ESP, ext4 root) with DELETED_MIB of deleted data in
# its unused blocks. Needs mmdebstrap, fakeroot (or root), e2fsprogs, fdisk, dosfstools, mtools, grub-efi-amd64-bin.
set -euo pipefail
folder=$1 size_gib=${2:-6} deleted_mib=${3:-1536}
mkdir -p "$folder"
cd "$folder"
export LC_ALL=C

if [[ ! -e debian.tar ]]; then
  mode=$( ((EUID == 0)) && echo root || echo unshare)
  mmdebstrap --mode="$mode" --format=tar --variant=standard \
    --include=linux-image-amd64,systemd-sysv,openssh-server,build-essential,python3-pip,git,vim,curl,locales \
    --customize-hook='echo root:imgopt | chroot "$1" chpasswd' \
    --customize-hook='echo imgopt-test >"$1/etc/hostname"' \
    bookworm debian.tar.partial
  mv debian.tar.partial debian.tar
fi

root_uuid=6d7a1e52-0f3c-4f0e-9b51-1a2b3c4d5e6f
esp_id=1234abcd
esp_mib=64
root_mib=$((size_gib * 1024 - esp_mib - 2))

# The tree keeps its owners only as root; fakeroot is enough, since mke2fs asks stat() for them.
fake=$( ((EUID == 0)) && echo env || echo fakeroot)
rm -rf tree
$fake bash -euc "
  mkdir tree
  tar -xf debian.tar -C tree --numeric-owner
  printf 'UUID=%s / ext4 errors=remount-ro 0 1\nUUID=%s /boot/efi vfat umask=0077 0 1\n' $root_uuid 1234-ABCD >tree/etc/fstab
  mkdir -p tree/boot/efi
  rm -f root.ext4
  truncate -s ${root_mib}M root.ext4
  mke2fs -q -F -t ext4 -L root -U $root_uuid -E hash_seed=$root_uuid -d tree root.ext4
"

if ((deleted_mib > 0)); then
  # What a build leaves behind: a large file that was written and removed again.
  head -c $((deleted_mib * 1024 * 1024)) < <(while cat debian.tar; do :; done) >deleted.bin
  debugfs -w -R 'write deleted.bin deleted.bin' root.ext4 2>/dev/null
  debugfs -w -R 'rm deleted.bin' root.ext4 2>/dev/null
  rm deleted.bin
fi
e2fsck -fn root.ext4 >/dev/null

kernel=$(basename "$(ls tree/boot/vmlinuz-* | tail -n 1)")
cat >grub.cfg <<CFG
search --fs-uuid --set=root $root_uuid
linux /boot/$kernel root=UUID=$root_uuid ro console=ttyS0 panic=5
initrd /boot/${kernel/vmlinuz/initrd.img}
boot
CFG
grub-mkstandalone -O x86_64-efi -o BOOTX64.EFI --modules='part_gpt ext2 search search_fs_uuid linux normal all_video' \
  --install-modules= --themes= --fonts= --locales= 'boot/grub/grub.cfg=grub.cfg'
rm -f esp.vfat
truncate -s ${esp_mib}M esp.vfat
mkfs.vfat -i $esp_id -n ESP esp.vfat >/dev/null
mmd -i esp.vfat ::EFI ::EFI/BOOT
mcopy -i esp.vfat BOOTX64.EFI ::EFI/BOOT/BOOTX64.EFI

rm -f disk.raw
truncate -s ${size_gib}G disk.raw
sfdisk -q disk.raw <<SFDISK
label: gpt
label-id: 0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0
start=1MiB, size=${esp_mib}MiB, type=U, name="esp"
start=$((1 + esp_mib))MiB, size=${root_mib}MiB, type=L, name="root"
SFDISK
cp --sparse=always esp.vfat esp.sparse && dd if=esp.sparse of=disk.raw bs=1M seek=1 conv=notrunc,sparse status=none
dd if=root.ext4 of=disk.raw bs=1M seek=$((1 + esp_mib)) conv=notrunc,sparse status=none
rm -rf tree esp.sparse esp.vfat BOOTX64.EFI grub.cfg
