/**
 * Does it boot? A full Debian system of bench/make-debian.sh, optimized to every format, each output started under
 * qemu-system-x86_64 (software emulation, OVMF) until the serial console asks for a login.
 */
import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { ImageCompression } from '../../src/core/contracts/writer.ts';
import { createRegistry } from '../../src/registry.ts';
import { BUILT_IN_WRITERS } from '../../src/writers.ts';
import { run } from '../support/optimize.ts';
import { serialUntil } from '../support/serial.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, runTool } from '../support/tools.ts';

const OVMF = ['/usr/share/OVMF', '/usr/share/edk2/ovmf'].find((folder) =>
  existsSync(join(folder, 'OVMF_CODE.fd')),
);
/** Software emulation needs half a minute to a minute on an idle core, many times that on a busy machine. */
const BOOT_SECONDS = 1500;

describeWithTools(['qemu-system-x86_64', 'qemu-img', 'mmdebstrap', 'mke2fs'], 'boot', () => {
  const folder = temporaryFolder();
  const root = join(import.meta.dirname, '../..');
  const data = resolve(root, process.env['IMGOPT_BENCH_DATA'] ?? 'bench/data');
  const source = join(data, 'disk.raw');

  beforeAll(async () => {
    if (!existsSync(source)) await runTool('bash', [join(root, 'bench/make-debian.sh'), data]);
  });

  /** The serial console's text once it asks for a login, or when time is up. */
  async function boot(image: string, format: string): Promise<string> {
    if (OVMF === undefined) throw new Error('install ovmf');
    const console_ = join(folder, 'console.txt');
    const variables = join(folder, 'variables.fd');
    const overlay = join(folder, 'overlay.qcow2');
    rmSync(overlay, { force: true });
    copyFileSync(join(OVMF, 'OVMF_VARS.fd'), variables);
    await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', image, '-F', format, overlay]);
    const flash = (file: string, more = ''): string => `if=pflash,format=raw,file=${file}${more}`;
    return serialUntil(
      [
        ...['-machine', 'q35,accel=tcg', '-m', '1024'],
        ...['-drive', flash(join(OVMF, 'OVMF_CODE.fd'), ',readonly=on'), '-drive', flash(variables)],
        ...['-drive', `file=${overlay},format=qcow2,if=virtio`],
      ],
      console_,
      'login:',
      BOOT_SECONDS,
    );
  }

  const cases: { to: string; compression: ImageCompression }[] = createRegistry(
    [],
    BUILT_IN_WRITERS,
  ).writers.flatMap((writer) =>
    writer.compressions
      .filter((compression) => writer.format !== 'raw' || compression === 'none')
      .map((compression) => ({ to: writer.format, compression })),
  );
  /** qemu's names where they differ from ours. */
  const QEMU_FORMAT: Record<string, string> = { vhd: 'vpc' };
  for (const how of cases) {
    test(`${how.to} (${how.compression}) boots to a login prompt`, async () => {
      const output = join(folder, `disk.${how.to}`);
      try {
        await run(source, output, how);
        expect(await boot(output, QEMU_FORMAT[how.to] ?? how.to)).toContain('login:');
      } finally {
        rmSync(output, { force: true });
      }
    });
  }
});
