import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAMILIES, SAFETIES } from '../../../src/analyzers/families.ts';
import { HYGIENE_RULES, REMOVAL_RULES } from '../../../src/analyzers/rules/index.ts';
import { type GuestPackage, type GuestTree, guest, resolved } from './support.ts';

const all = [...REMOVAL_RULES, ...HYGIENE_RULES];

describe('rules', () => {
  it('are sorted, each once, each in a file of its name with a spec beside its sisters’', () => {
    for (const rules of [REMOVAL_RULES, HYGIENE_RULES]) {
      const ids = rules.map(({ id }) => id);
      expect(ids).toEqual([...ids].sort());
    }
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    for (const { id } of all) {
      expect(existsSync(join(import.meta.dirname, '../../../src/analyzers/rules', `${id}.ts`)), id).toBe(
        true,
      );
      expect(existsSync(join(import.meta.dirname, `${id}.test.ts`)), id).toBe(true);
    }
  });

  it('have a known family and safety, a title and a description', () => {
    for (const rule of REMOVAL_RULES) {
      expect(FAMILIES).toContain(rule.family);
      expect(SAFETIES).toContain(rule.safety);
    }
    for (const { title, description } of all) {
      expect(title.length).toBeGreaterThan(3);
      expect(title.length).toBeLessThan(64);
      expect(description.endsWith('.')).toBe(true);
    }
  });
});

/** A Debian guest with everything that boots it. */
const tree: GuestTree = {
  '/boot/vmlinuz-6.1.0-18-amd64': 8_000_000,
  '/boot/initrd.img-6.1.0-18-amd64': 34_000_000,
  '/boot/grub/grub.cfg': 'linux /boot/vmlinuz-6.1.0-18-amd64\n',
  '/usr/lib/modules/6.1.0-18-amd64/kernel/ext4.ko': 900_000,
  '/usr/lib/systemd/systemd': 1_000_000,
  '/usr/sbin/sshd': 1_000_000,
  '/usr/lib/libssl.so.3': 600_000,
  '/usr/bin/cloud-init': 5000,
  '/usr/sbin/grub-install': 900_000,
  '/usr/share/doc/openssh-server/copyright': 5000,
};
const packages: readonly GuestPackage[] = [
  {
    name: 'linux-image-6.1.0-18-amd64',
    automatic: true,
    paths: ['/boot/vmlinuz-6.1.0-18-amd64', '/usr/lib/modules/6.1.0-18-amd64/kernel/ext4.ko'],
  },
  { name: 'systemd', automatic: true, paths: ['/usr/lib/systemd/systemd'] },
  {
    name: 'openssh-server',
    automatic: true,
    requires: ['libssl3'],
    paths: ['/usr/sbin/sshd', '/usr/share/doc/openssh-server/copyright'],
  },
  { name: 'libssl3', automatic: true, paths: ['/usr/lib/libssl.so.3'] },
  { name: 'cloud-init', automatic: true, paths: ['/usr/bin/cloud-init'] },
  { name: 'grub-pc', automatic: true, paths: ['/usr/sbin/grub-install'] },
];

describe('suggestions', () => {
  it('never take what the boot needs, though all of it is automatic and nothing requires it', async () => {
    const found = await resolved(REMOVAL_RULES, guest(tree, packages));
    // What only tells takes nothing.
    const taking = found.filter(
      ({ packages, suggestion }) => packages.length > 0 || suggestion.reclaimable > 0,
    );
    expect(taking.map(({ suggestion }) => [suggestion.rule, suggestion.packages])).toEqual([]);
  });

  it('count no byte twice, whatever rules overlap', async () => {
    const waste: GuestTree = {
      ...tree,
      '/root/.cache/pip/http/a': 100_000,
      '/usr/share/doc/gcc-12/README': 50_000,
      '/usr/share/man/de/man1/gcc.1.gz': 30_000,
      '/usr/bin/gcc-12': 1_000_000,
      '/tmp/VBoxGuestAdditions.iso': 60_000_000,
      '/tmp/packer-1/x': 4096,
      '/var/log/installer/syslog.1': 8192,
    };
    const gcc = {
      name: 'gcc-12',
      paths: [
        '/usr/share/doc/gcc-12',
        '/usr/share/doc/gcc-12/README',
        '/usr/share/man/de/man1/gcc.1.gz',
        '/usr/bin/gcc-12',
      ],
    };
    const inspection = guest(waste, [...packages, gcc]);
    const found = await resolved(REMOVAL_RULES, inspection);
    const total = found.reduce((sum, { suggestion }) => sum + suggestion.reclaimable, 0);
    const { table } = inspection;
    let wasted = 0;
    for (let entry = 0; entry < table.count; entry++) {
      const path = table.path(entry);
      const isKept =
        path in tree || Object.keys(tree).some((kept) => kept.startsWith(`${path}/`)) || path === '/';
      const stays = ['/root', '/tmp', '/var', '/var/log', '/usr/share/man', '/root/.cache'].includes(path);
      if (!isKept && !stays) wasted += table.allocated[entry]!;
    }
    expect(total).toBe(wasted);
    expect(found.length).toBeGreaterThan(5);
  });
});
