/**
 * A whole build: Packer's qemu builder (software emulation) starts a small Debian system from a disk image, provisions
 * it over SSH, and hands the disk to imgopt. What comes out boots.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { MeasuredReport } from '../../src/core/contracts/report.ts';
import { ROOT } from '../support/cli.ts';
import { serialUntil } from '../support/serial.ts';
import { temporaryFolder } from '../support/temp.ts';
import { describeWithTools, findTool, runTool } from '../support/tools.ts';

/** Half a minute on an idle core, many times that on a busy machine. */
const BOOT_SECONDS = 1800;

const TOOLS = ['packer', 'qemu-system-x86_64', 'qemu-img', 'mmdebstrap', 'mke2fs', 'sfdisk', 'sha256sum'];

const APPEND = 'root=/dev/vda1 rw console=ttyS0 net.ifnames=0';

/** What somebody would write, careless clean-up and all; the post-processors are the README's lines and a budget. */
const TEMPLATE = `
source "qemu" "debian" {
  iso_url          = "base.qcow2"
  iso_checksum     = "none"
  disk_image       = true
  format           = "qcow2"
  skip_compaction  = true
  disk_interface   = "virtio"
  accelerator      = "none"
  memory           = 1024
  headless         = true
  qemuargs         = [["-kernel", "vmlinuz"], ["-initrd", "initrd.img"], ["-append", "${APPEND}"], ["-serial", "file:serial.log"]]
  ssh_username     = "root"
  ssh_password     = "imgopt"
  ssh_timeout      = "${BOOT_SECONDS}s"
  shutdown_command = "systemctl poweroff"
  shutdown_timeout = "20m"
}
build {
  sources = ["source.qemu.debian"]
  provisioner "shell" {
    scripts = ["install.sh", "cleanup.sh"]
  }
  post-processors {
    post-processor "manifest" {}
    post-processor "shell-local" { inline = ["imgopt packer post-process"] }
    post-processor "artifice" { files = ["output-\${source.name}/*.optimized.*"] }
  }
}
`;

describeWithTools(TOOLS, 'a qemu build', () => {
  const folder = temporaryFolder();
  const programs = join(folder, 'bin');

  beforeAll(async () => {
    const made = process.env.IMGOPT_TEST_PACKER_SYSTEM;
    const system = made ?? join(folder, 'system');
    if (made === undefined) await runTool('bash', [join(ROOT, 'test/slow/make-packer-system.sh'), system]);
    for (const name of ['base.qcow2', 'vmlinuz', 'initrd.img'])
      copyFileSync(join(system, name), join(folder, name));
    mkdirSync(programs);
    const program = join(programs, 'imgopt');
    writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${join(ROOT, 'bin/run.js')}' "$@"\n`);
    chmodSync(program, 0o755);
    writeFileSync(join(folder, 'debian.pkr.hcl'), TEMPLATE);
    // 200 MB that are deleted again: what a build leaves in unused blocks.
    writeFileSync(
      join(folder, 'install.sh'),
      'set -eu\nhead -c 200000000 /dev/urandom >/var/tmp/download\nsha256sum /var/tmp/download >/etc/provisioned\nsync\n',
    );
    writeFileSync(join(folder, 'cleanup.sh'), 'set -eu\nrm /var/tmp/download\nsync\n');
    writeFileSync(
      join(folder, 'imgopt.yml'),
      'packer:\n  steps: [analyze, optimize, check, compress]\n  optimize: { compression: zstd }\nbudgets:\n  limits:\n    - measure: file-size\n      max: 600MiB\n',
    );
  });

  /** The serial console's text once it asks for a login, or when time is up. */
  async function boot(image: string): Promise<string> {
    const overlay = join(folder, 'overlay.qcow2');
    await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', image, '-F', 'qcow2', overlay]);
    return serialUntil(
      [
        ...['-machine', 'pc,accel=tcg', '-m', '1024'],
        ...['-kernel', join(folder, 'vmlinuz'), '-initrd', join(folder, 'initrd.img'), '-append', APPEND],
        ...['-drive', `file=${overlay},format=qcow2,if=virtio`],
      ],
      join(folder, 'boot.log'),
      'login:',
      BOOT_SECONDS,
    );
  }

  test('is analysed, optimised, checked and compressed, and boots', async () => {
    const child = spawn(findTool('packer')!, ['build', '-color=false', '-timestamp-ui', '.'], {
      cwd: folder,
      env: { PATH: `${programs}:${process.env.PATH}`, HOME: folder, CHECKPOINT_DISABLE: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let log = '';
    child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
    const code = await new Promise((resolve) => child.on('close', resolve));
    const kept = process.env.IMGOPT_TEST_PACKER_LOG;
    if (kept !== undefined) writeFileSync(kept, log);
    expect({ code, log }).toMatchObject({ code: 0 });

    const output = join(folder, 'output-debian');
    expect(readdirSync(output).sort()).toEqual([
      'packer-debian',
      'packer-debian.imgopt.json',
      'packer-debian.optimized.qcow2.zst',
      'packer-debian.optimized.qcow2.zst.sha256',
    ]);
    await runTool('bash', ['-c', 'cd "$1" && sha256sum -c *.sha256', '-', output]);
    const report = JSON.parse(
      readFileSync(join(output, 'packer-debian.imgopt.json'), 'utf8'),
    ) as MeasuredReport;
    expect(report.os?.id).toBe('debian');
    expect(report.packages.map((one) => one.name)).toContain('openssh-server');
    // What the scripts wrote and deleted is still in the disk that Packer made …
    expect(report.books.stale.bytes).toBeGreaterThan(190_000_000);
    // … and not in the one that is handed on.
    const result = join(output, 'packer-debian.optimized.qcow2.zst');
    expect(statSync(join(output, 'packer-debian')).size - statSync(result).size).toBeGreaterThan(190_000_000);
    expect(log).toContain('Created artifact from files: output-debian/packer-debian.optimized.qcow2.zst');

    const disk = join(folder, 'booted.qcow2');
    await runTool('bash', ['-c', 'zstd -dq "$1" -o "$2" && qemu-img check -q "$2"', '-', result, disk]);
    const { stdout } = spawnSync(
      process.execPath,
      [join(ROOT, 'bin/run.js'), 'analyze', disk, '--json', '--top', '0'],
      {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      },
    );
    const files = (JSON.parse(stdout) as MeasuredReport).files.map((one) => one.path);
    expect(files).toContain('/etc/provisioned');
    expect(await boot(disk)).toContain('packer-test login:');
  });
});
