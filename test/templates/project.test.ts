import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lint } from '../../src/templates/lint.ts';
import { loadProject } from '../../src/templates/project.ts';
import { staticText } from '../../src/templates/value.ts';
import { buildBlock, lintFiles, sourceBlock, type Texts, withFiles } from './support.ts';

/** `file:line:column rule` of every finding of these rules. */
async function places(files: Texts, rules: readonly string[], named?: readonly string[]): Promise<string[]> {
  const { result } = await lintFiles(files, named, { off: [], levels: {}, only: rules });
  return result.findings.map(({ rule, place }) => {
    const { line, column } = place.file.position(place.start);
    return `${place.file.path.split('/').slice(-1)[0]}:${line}:${column} ${rule.id}`;
  });
}

const hole = (name: string): string => `\${${name}}`;

describe('places', () => {
  it('of a command in the items of inline, in a here-document without its indentation, after escapes', async () => {
    const template = [
      'build {',
      '  sources = ["source.qemu.debian"]',
      '  provisioner "shell" {',
      '    inline = [',
      '      "echo \\"a\\tb\\"; apt-get install -y x",',
      '      <<-EOT',
      '        echo start',
      '        sudo apt-get install -y y',
      '      EOT',
      '    ]',
      '  }',
      '}',
      '',
    ].join('\n');
    expect(await places({ 'a.pkr.hcl': template, 'b.pkr.hcl': sourceBlock('') }, ['apt-recommends'])).toEqual(
      ['a.pkr.hcl:5:23 apt-recommends', 'a.pkr.hcl:8:9 apt-recommends'],
    );
  });

  it('of a command in a block of YAML, in a nested shell, in a late command', async () => {
    const userData =
      '#cloud-config\nautoinstall:\n  version: 1\n  late-commands:\n    - |\n      echo a\n      apt-get install -y x\n    - [sh, -c, "echo; apt-get install -y y"]\n';
    expect(await places({ 'user-data': userData }, ['apt-recommends'])).toEqual([
      'user-data:7:7 apt-recommends',
      'user-data:8:23 apt-recommends',
    ]);
    const preseed =
      'd-i pkgsel/include string vim\nd-i preseed/late_command string \\\n  in-target sh -c "apt-get install -y x"\n';
    expect(await places({ 'preseed.cfg': preseed }, ['apt-recommends'])).toEqual([]);
    const kickstart = 'lang C\nkeyboard us\ntimezone UTC\n%post\nsh -c "apt-get install -y x"\n%end\n';
    expect(await places({ 'ks.cfg': kickstart }, ['apt-recommends'])).toEqual(['ks.cfg:5:8 apt-recommends']);
  });
});

describe('what templates say', () => {
  it('is followed through locals, conditionals, dynamic blocks and variables files', async () => {
    const files = {
      'a.pkr.hcl': `variable "size" {\n  default = 100\n}\nlocals {\n  sizes = { root = var.size, data = 8 }\n}\nsource "amazon-ebs" "x" {\n  dynamic "launch_block_device_mappings" {\n    for_each = local.sizes\n    content {\n      device_name = "/dev/${hole('launch_block_device_mappings.key')}"\n      volume_size = launch_block_device_mappings.value\n    }\n  }\n}\n`,
      'small.pkrvars.hcl': 'size = 10\n',
    };
    await withFiles(files, async (folder) => {
      const count = async (variableFiles: string[]) => {
        const project = await loadProject([folder], { variableFiles });
        const names = project.templates[0]!.sources[0]!.block.blocks.map((one) =>
          staticText(one.value('device_name')),
        );
        expect(names).toEqual(['/dev/root', '/dev/data']);
        return lint(project, { off: [], levels: {}, only: ['oversized-volume'] }).findings.length;
      };
      expect(await count([])).toBe(1);
      expect(await count([join(folder, 'small.pkrvars.hcl')])).toBe(0);
    });
    const auto = { 'a.pkr.hcl': files['a.pkr.hcl'], 'x.auto.pkrvars.hcl': 'size = 10\n' };
    expect(await places(auto, ['oversized-volume'])).toEqual([]);
  });

  it('is one configuration for all files of a folder, told of the file that was named', async () => {
    const files = {
      'build.pkr.hcl': buildBlock('  provisioner "shell" {\n    scripts = local.scripts\n  }'),
      'source.pkr.hcl': `${sourceBlock('  format = "raw"\n  disk_compression = true')}locals {\n  scripts = ["${hole('path.root')}/a.sh"]\n}\n`,
      'a.sh': '#!/bin/sh -e\napt-get install -y x\n',
    };
    const rules = ['apt-recommends', 'raw-compression'];
    expect(await places(files, rules)).toEqual([
      'a.sh:2:1 apt-recommends',
      'source.pkr.hcl:7:3 raw-compression',
    ]);
    expect(await places(files, rules, ['build.pkr.hcl'])).toEqual(['a.sh:2:1 apt-recommends']);
  });

  it('reads both branches of what only the build decides, and every file that a name may mean', async () => {
    const script = (text: string) => `#!/bin/sh -e\napt-get install -y ${text}\n`;
    const files = {
      'a.pkr.hcl': `${sourceBlock('')}variable "os" {}\nlocals {\n  scripts = var.os == "x" ? ["${hole('path.root')}/one.sh"] : ["${hole('path.root')}/two.sh", "${hole('path.root')}/${hole('var.os')}/clean_${hole('var.os')}.sh"]\n}\n${buildBlock('  provisioner "shell" {\n    scripts = local.scripts\n  }')}`,
      'one.sh': script('one'),
      'two.sh': script('two'),
      'debian/clean_debian.sh': script('debian'),
      'ubuntu/clean_ubuntu.sh': script('ubuntu'),
      'ubuntu/other.sh': script('other'),
    };
    expect(await places(files, ['apt-recommends'])).toEqual([
      'clean_debian.sh:2:1 apt-recommends',
      'one.sh:2:1 apt-recommends',
      'two.sh:2:1 apt-recommends',
      'clean_ubuntu.sh:2:1 apt-recommends',
    ]);
  });

  it('is the same in HCL2’s JSON and in a legacy template', async () => {
    const json = {
      'a.pkr.json': JSON.stringify({
        variable: { pkg: { default: 'jq' } },
        source: { qemu: { debian: { iso_url: 'https://example.org/x.iso', iso_checksum: 'none' } } },
        build: [
          {
            sources: ['source.qemu.debian'],
            provisioner: [{ shell: { inline: [`apt-get install -y ${hole('var.pkg')}`] } }],
          },
        ],
      }),
    };
    expect((await places(json, ['iso-checksum', 'apt-recommends'])).map((one) => one.split(' ')[1])).toEqual([
      'iso-checksum',
      'apt-recommends',
    ]);
    const legacy = {
      'a.json':
        '{\n  "variables": {"pkg": "jq", "sum": "none"},\n  "builders": [\n    {"type": "qemu", "iso_url": "https://example.org/x.iso", "iso_checksum": "{{user `sum`}}"}\n  ],\n  "provisioners": [\n    {"type": "shell", "script": "{{template_dir}}/a.sh"}\n  ]\n}\n',
      'a.sh': '#!/bin/sh -e\napt-get install -y x\n',
    };
    expect(await places(legacy, ['iso-checksum', 'apt-recommends'])).toEqual([
      'a.json:4:62 iso-checksum',
      'a.sh:2:1 apt-recommends',
    ]);
  });

  it('reads seeds that are made of a template, with the places of that', async () => {
    const files = {
      'a.pkr.hcl':
        sourceBlock(
          `  http_content = {\n    "/ks.cfg" = templatefile("${hole('path.root')}/ks.pkrtpl", { repo = "http://mirror.example.com/9" })\n  }`,
        ) + buildBlock(''),
      'ks.pkrtpl': `lang C\nkeyboard us\ntimezone UTC\nurl --url=${hole('repo')}\nrootpw --plaintext x\n`,
    };
    expect(await places(files, ['insecure-download'])).toEqual(['ks.pkrtpl:4:1 insecure-download']);
  });

  it('reads the whole of a file that is a template, its first and its last line', async () => {
    const files = {
      'a.pkr.hcl': `locals {\n  t = templatefile("${hole('path.root')}/t", { a = "1", list = ["x", "y"] })\n  one = templatefile("${hole('path.root')}/one", { a = "2" })\n}\n${sourceBlock('')}`,
      t: `first ${hole('a')}\n%{ for v in list ~}\n- ${hole('v')}\n%{ endfor ~}\nlast $${hole('x')}\n`,
      one: `only ${hole('a')}`,
    };
    await withFiles(files, async (folder) => {
      const { templates } = await loadProject([folder]);
      expect(templates[0]!.locals.map(({ value }) => staticText(value))).toEqual([
        'first 1\n- x\n- y\nlast ${x}\n',
        'only 2',
      ]);
    });
  });

  it('follows roles and imports of a playbook, in order', async () => {
    const files = {
      'a.pkr.hcl':
        sourceBlock('') + buildBlock('  provisioner "ansible" {\n    playbook_file = "play.yml"\n  }'),
      'play.yml': '- import_playbook: more.yml\n- hosts: all\n  roles:\n    - role: tools\n',
      'more.yml': '- hosts: all\n  tasks:\n    - ansible.builtin.apt:\n        name: jq\n',
      'roles/tools/tasks/main.yml': '- include_tasks: inner.yml\n- shell: apt-get clean\n',
      'roles/tools/tasks/inner.yml':
        '- apt: name=vim,nano state=present\n- block:\n    - apt:\n        name: "{{ item }}"\n      loop: [a, b]\n',
    };
    await withFiles(files, async (folder) => {
      const [plan] = (await loadProject([folder])).plans;
      expect(plan!.isComplete).toBe(true);
      const seen = plan!.events.map(({ operation }) =>
        operation.kind === 'install' ? operation.packages.map((one) => one.name).join(' ') : operation.kind,
      );
      expect(seen).toEqual(['jq', 'vim nano', 'a b', 'clean']);
    });
  });
});
