/**
 * Which kernels stand in the image, and which of them it starts. The boot loader's own configuration says so; the
 * kernel that happened to run during the build does not, for a build that updates seldom reboots.
 *
 * Sources in the order in which a machine would find them: systemd-boot's and GRUB's Boot Loader Specification
 * entries (loader.conf's `default`, grubenv's `saved_entry`), grub.cfg's menu entries, extlinux.conf. Where none
 * speaks, the newest kernel is what any of them would start.
 */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { GuestBoot, GuestFiles, GuestKernel } from '../core/contracts/rule.ts';
import { compareText } from '../core/text.ts';
import { wildcard } from './guest-files.ts';
import { comparerOf, rpmvercmp } from './versions.ts';

const IMAGE = /^(?:vmlinuz|vmlinux|Image|kernel)-(.+?)(?:\.(?:gz|efi|img))?$/;
const INITRAMFS = /^(?:initrd\.img|initrd|initramfs)-(.+?)(?:\.img)?(?:kdump\.img)?$/;
const OTHERS = /^(?:System\.map|config|symvers|abi|retpoline|\.vmlinuz)-(.+?)(?:\.(?:gz|xz|hmac))?$/;
const MODULE_FOLDERS = ['/usr/lib/modules', '/lib/modules'];

/** Kernels of Alpine and Arch carry a flavour instead of a version: vmlinuz-lts, vmlinuz-linux. */
const FLAVOUR = /^(?:linux|lts|virt|edge|hardened|zen|rpi\d?)(?:-[a-z]+)?$/;

interface Draft {
  image: number;
  readonly initramfs: number[];
  readonly others: number[];
  modules: number;
}

/** Everything of the image that has to do with starting it. */
export async function readBoot(inspection: Inspection, files: GuestFiles): Promise<GuestBoot> {
  const kernels = findKernels(inspection, files);
  const bootable = kernels.filter((kernel) => kernel.image >= 0 && !kernel.isRescue);
  const said = await configuredKernel(files);
  if (said !== undefined) {
    const found = bootable.find((kernel) => kernel.version === said.version);
    if (found !== undefined) {
      return { kernels, defaultVersion: found.version, evidence: said.evidence, isConfigured: true };
    }
  }
  const newest = [...bootable].sort((a, b) => compareVersions(inspection, b.version, a.version))[0];
  return {
    kernels,
    defaultVersion: newest?.version ?? null,
    evidence: bootable.length === 1 ? 'the only kernel' : 'the newest kernel',
    isConfigured: false,
  };
}

function compareVersions(inspection: Inspection, a: string, b: string): number {
  const isDpkg = inspection.packages.some((one) => one.manager === 'dpkg');
  return isDpkg ? comparerOf('dpkg')(a, b) : rpmvercmp(a, b);
}

function findKernels(inspection: Inspection, files: GuestFiles): GuestKernel[] {
  const drafts = new Map<string, Draft>();
  const draft = (version: string): Draft => {
    let one = drafts.get(version);
    if (one === undefined) {
      one = { image: -1, initramfs: [], others: [], modules: -1 };
      drafts.set(version, one);
    }
    return one;
  };
  for (const entry of files.children(files.resolve('/boot'))) {
    if (!files.isFile(entry)) continue;
    const name = files.name(entry);
    const other = OTHERS.exec(name);
    const image = IMAGE.exec(name);
    const initramfs = INITRAMFS.exec(name);
    if (other !== null) draft(other[1]!).others.push(entry);
    else if (image !== null && !name.endsWith('.old')) draft(image[1]!).image = entry;
    else if (initramfs !== null) draft(kernelOfInitramfs(initramfs[1]!)).initramfs.push(entry);
  }
  for (const folder of MODULE_FOLDERS) {
    for (const entry of files.children(files.resolve(folder))) {
      if (!files.isDirectory(entry)) continue;
      const one = draft(files.name(entry));
      if (one.modules < 0) one.modules = entry;
      // Fedora and Arch keep the image beside its modules, and copy it to /boot or not.
      const image = files.children(entry).find((inner) => files.name(inner) === 'vmlinuz');
      if (image !== undefined && one.image < 0) one.image = image;
    }
  }
  return [...drafts]
    .map(([version, one]): GuestKernel => {
      const owners = new Set<number>();
      for (const entry of [one.image, one.modules, ...one.others]) {
        if (entry < 0) continue;
        const owner = files.isDirectory(entry) ? -1 : files.ownerOf(entry);
        if (owner >= 0) owners.add(owner);
      }
      inspection.packages.forEach((each, index) => {
        if (
          isKernelPackage(each.name) &&
          `${each.name} ${each.version}.${each.architecture ?? ''}`.includes(version)
        )
          owners.add(index);
      });
      return { version, ...one, packages: [...owners], isRescue: version.startsWith('0-rescue') };
    })
    .sort((a, b) => compareText(a.version, b.version));
}

/** `6.1.0.img.old-dkms`, `6.1.0kdump`: what belongs to a kernel though its name goes on. */
function kernelOfInitramfs(version: string): string {
  return version.replace(/\.(?:old-dkms|dpkg-bak|bak|old)$/, '').replace(/kdump$/, '');
}

/** Packages that carry one kernel's files, as against those that only name the newest. */
export function isKernelPackage(name: string): boolean {
  return /^(?:linux-(?:image|modules|modules-extra|headers|image-extra|objects|signatures)-(?:unsigned-)?\d|kernel(?:-core|-modules|-modules-core|-modules-extra|-uek.*|-default.*|-ml|-lt)?$|pve-kernel-\d|proxmox-kernel-\d)/.test(
    name,
  );
}

interface Said {
  readonly version: string;
  readonly evidence: string;
}

async function configuredKernel(files: GuestFiles): Promise<Said | undefined> {
  return (
    (await fromLoaderEntries(files)) ?? (await fromGrubConfiguration(files)) ?? (await fromExtlinux(files))
  );
}

/** Version of the kernel at a path such as `/boot/vmlinuz-6.1.0-13-amd64` or `/vmlinuz-lts`. */
function versionInPath(path: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const match = IMAGE.exec(name);
  if (match !== null) return match[1];
  // kernel-install puts it in a folder: /<token>/<version>/linux
  return /\/([^/]+)\/(?:linux|vmlinuz)$/.exec(path)?.[1];
}

const LOADER_FOLDERS = ['/boot/loader', '/boot/efi/loader', '/efi/loader'];

async function fromLoaderEntries(files: GuestFiles): Promise<Said | undefined> {
  for (const folder of LOADER_FOLDERS) {
    const found = files
      .children(files.resolve(`${folder}/entries`))
      .filter((entry) => files.isFile(entry) && files.name(entry).endsWith('.conf'));
    const entries: { id: string; version: string }[] = [];
    for (const entry of found) {
      const text = (await files.readEntry(entry)) ?? '';
      const kernel = /^\s*(?:linux|efi)\s+(\S+)/m.exec(text)?.[1];
      const version =
        (kernel === undefined ? undefined : versionInPath(kernel)) ?? /^\s*version\s+(\S+)/m.exec(text)?.[1];
      if (version !== undefined && !version.startsWith('0-rescue')) {
        entries.push({ id: files.name(entry).slice(0, -'.conf'.length), version });
      }
    }
    if (entries.length === 0) continue;
    // The specification sorts by version, newest first; the file name stands in for sort-key and machine-id.
    entries.sort((a, b) => rpmvercmp(b.version, a.version) || rpmvercmp(b.id, a.id));
    const loader = await files.read(`${folder}/loader.conf`);
    const glob = loader === undefined ? undefined : /^\s*default\s+(\S+)/m.exec(loader)?.[1];
    // Few stars, so that matching stays quick whatever the guest wrote.
    if (glob !== undefined && !glob.startsWith('@') && glob.split('*').length <= 4) {
      const matcher = wildcard(glob.replace(/\.conf$/, ''));
      const chosen = entries.find((one) => matcher.test(one.id));
      if (chosen !== undefined)
        return { version: chosen.version, evidence: `default in ${folder}/loader.conf` };
    }
    for (const path of GRUB_ENVIRONMENTS) {
      const saved = /^saved_entry=(.+)$/m.exec((await files.read(path)) ?? '')?.[1];
      if (saved === undefined) continue;
      const chosen = /^\d+$/.test(saved)
        ? entries[Number(saved)]
        : entries.find((one) => one.id === saved.replace(/\.conf$/, ''));
      if (chosen !== undefined) return { version: chosen.version, evidence: `saved_entry in ${path}` };
    }
    return { version: entries[0]!.version, evidence: `the first entry in ${folder}/entries` };
  }
  return undefined;
}

const GRUB_CONFIGURATIONS = ['/boot/grub/grub.cfg', '/boot/grub2/grub.cfg', '/boot/grub/grub.conf'];
const GRUB_ENVIRONMENTS = ['/boot/grub/grubenv', '/boot/grub2/grubenv'];

interface MenuEntry {
  readonly title: string;
  readonly id: string | null;
  readonly kernel: string | null;
  /** A submenu's entries; null for an entry. */
  readonly inner: MenuEntry[] | null;
}

async function fromGrubConfiguration(files: GuestFiles): Promise<Said | undefined> {
  for (const path of GRUB_CONFIGURATIONS) {
    const text = await files.read(path);
    if (text === undefined) continue;
    const menu = grubMenu(text);
    let wanted = [...text.matchAll(/^\s*set default="([^"]*)"/gm)]
      .map((match) => match[1]!)
      .find((one) => one !== '' && !one.includes('next_entry'));
    let evidence = path;
    if (wanted === undefined || wanted.includes('saved_entry')) {
      wanted = '0';
      for (const environment of GRUB_ENVIRONMENTS) {
        const saved = /^saved_entry=(.+)$/m.exec((await files.read(environment)) ?? '')?.[1];
        if (saved === undefined) continue;
        wanted = saved;
        evidence = `saved_entry in ${environment}`;
      }
    }
    const kernel = chosenKernel(menu, wanted);
    const version = kernel === null ? undefined : versionInPath(kernel);
    if (version !== undefined) return { version, evidence };
  }
  return undefined;
}

/** Menu entries of a grub.cfg, as far as update-grub writes them: braces at ends of lines. */
function grubMenu(text: string): MenuEntry[] {
  const top: MenuEntry[] = [];
  const stack: { list: MenuEntry[]; depth: number }[] = [{ list: top, depth: 0 }];
  let depth = 0;
  let open: { title: string; id: string | null; depth: number } | undefined;
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    const head = /^(menuentry|submenu)\s+(?:'([^']*)'|"([^"]*)")(.*)\{$/.exec(trimmed);
    if (head !== null) {
      const title = head[2] ?? head[3] ?? '';
      const id = /(?:\$menuentry_id_option|--id)\s+'?"?([^'"\s]+)/.exec(head[4]!)?.[1] ?? null;
      if (head[1] === 'submenu') {
        const inner: MenuEntry[] = [];
        stack.at(-1)!.list.push({ title, id, kernel: null, inner });
        stack.push({ list: inner, depth });
      } else {
        open = { title, id, depth };
      }
      depth++;
      continue;
    }
    const kernel = /^linux(?:efi|16)?\s+(\S+)/.exec(trimmed)?.[1];
    if (kernel !== undefined && open !== undefined) {
      stack.at(-1)!.list.push({ title: open.title, id: open.id, kernel, inner: null });
      open = undefined;
    }
    if (trimmed.endsWith('{')) depth++;
    if (trimmed === '}') {
      depth--;
      if (open !== undefined && depth === open.depth) {
        stack.at(-1)!.list.push({ title: open.title, id: open.id, kernel: null, inner: null });
        open = undefined;
      }
      if (stack.length > 1 && depth === stack.at(-1)!.depth) stack.pop();
    }
  }
  return top;
}

/** `0`, `1>2`, an id, a title, or ids joined by `>`. */
function chosenKernel(menu: readonly MenuEntry[], wanted: string): string | null {
  let list = menu;
  let entry: MenuEntry | undefined;
  for (const part of wanted.split('>')) {
    entry = /^\d+$/.test(part)
      ? list[Number(part)]
      : list.find((one) => one.id === part || one.title === part);
    if (entry === undefined) return null;
    list = entry.inner ?? [];
  }
  while (entry !== undefined && entry.inner !== null) entry = entry.inner[0];
  return entry?.kernel ?? null;
}

async function fromExtlinux(files: GuestFiles): Promise<Said | undefined> {
  for (const path of ['/boot/extlinux.conf', '/boot/extlinux/extlinux.conf', '/boot/syslinux/syslinux.cfg']) {
    const text = await files.read(path);
    if (text === undefined) continue;
    const wanted = /^\s*default\s+(\S+)/im.exec(text)?.[1];
    let label = '';
    let first: string | undefined;
    for (const line of text.split('\n')) {
      label = /^\s*label\s+(\S+)/i.exec(line)?.[1] ?? label;
      const kernel = /^\s*(?:linux|kernel)\s+(\S+)/i.exec(line)?.[1];
      if (kernel === undefined) continue;
      const version = versionInPath(kernel);
      if (version !== undefined && label === wanted) return { version, evidence: path };
      first ??= version;
    }
    if (first !== undefined) return { version: first, evidence: path };
  }
  return undefined;
}

/** True for names that say what a kernel is for, not which one it is: removing one of those removes the kernel. */
export function isFlavour(version: string): boolean {
  return FLAVOUR.test(version);
}

/** Packages that a machine does not start or cannot be reached without; what they require is as needed. */
const NEEDED = [
  /^(?:systemd|systemd-sysv|systemd-udev|systemd-networkd|systemd-resolved|sysvinit-core|openrc|runit|runit-init|busybox-init|finit|eudev|udev|mdev-conf|alpine-base|alpine-baselayout|base|base-files|filesystem|setup)$/,
  /^(?:grub-(?:pc|efi|ieee1275|cloud).*|grub2?(?:-(?:pc|efi|tools).*)?|grub2-common|grub-common|shim.*|systemd-boot.*|syslinux.*|extlinux|u-boot.*|zipl|s390-tools|efibootmgr)$/,
  /^(?:initramfs-tools(?:-core)?|dracut(?:-core|-network)?|mkinitfs|mkinitcpio|tiny-initramfs|kmod|linux-base)$/,
  /^(?:ifupdown2?|ifupdown-ng|netplan\.io|network-manager|NetworkManager|dhcpcd.*|isc-dhcp-client|wicked|wicked-service|connman|udhcpc|netifrc|networkd-dispatcher|iproute2?|net-tools)$/,
  /^(?:openssh-server|openssh|dropbear.*|tinysshd)$/,
  /^(?:cloud-init|cloud-guest-utils|cloud-utils-growpart|growpart|cloud-initramfs-growroot|ignition|afterburn|sudo)$/,
  /^(?:apt|dpkg|dnf|dnf5|yum|microdnf|zypper|rpm|apk-tools|pacman)$/,
  /^(?:e2fsprogs|xfsprogs|btrfs-progs|dosfstools|lvm2|cryptsetup.*|mdadm|multipath-tools|nvme-cli|zfsutils-linux)$/,
  /^(?:selinux-policy(?:-targeted)?|apparmor|fedora-release.*|redhat-release.*|centos-.*release|almalinux-release|rocky-release)$/,
];

/** Positions of the packages that the boot needs: by name, and those of the kernel that starts. */
export function neededForBoot(inspection: Inspection, boot: GuestBoot): Set<number> {
  const keep = new Set<number>();
  inspection.packages.forEach(({ name, priority }, index) => {
    if (priority === 'required' || NEEDED.some((pattern) => pattern.test(name))) keep.add(index);
  });
  for (const kernel of boot.kernels) {
    if (kernel.version !== boot.defaultVersion) continue;
    for (const index of kernel.packages) {
      // Headers and extra modules carry the version too, and are not needed to boot.
      if (!/headers|-devel$|-extra(?:-|$)/.test(inspection.packages[index]!.name)) keep.add(index);
    }
  }
  return keep;
}
