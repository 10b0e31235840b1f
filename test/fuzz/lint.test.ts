/**
 * Mutated templates, scripts and seeds: the outcome is findings or one of our errors, within time, for whatever
 * stands in the file. Seeds are numbers: the same number gives the same damage everywhere.
 */
import { expect, it } from 'vitest';
import { ImgoptError } from '../../src/core/errors.ts';
import { lintFiles } from '../templates/support.ts';
import { seededRandom } from './mutate.ts';

/** A case takes some 20 ms: hundreds of each, however many there are of images. */
const CASES = Math.min(300, Number(process.env['IMGOPT_FUZZ_CASES'] ?? 100));

const SEEDS: Record<string, string> = {
  'a.pkr.hcl':
    'variable "x" {\n  default = ["a", "b"]\n}\nlocals {\n  y = [for v in var.x : "${v}-${upper(v)}" if v != "c"]\n  z = local.y[0] == "a" ? { k = 1 } : null\n}\nsource "qemu" "d" {\n  iso_url = "https://example.org/x.iso"\n  dynamic "disk" {\n    for_each = var.x\n    content {\n      n = disk.value\n    }\n  }\n}\nbuild {\n  sources = ["source.qemu.d"]\n  provisioner "shell" {\n    inline = ["apt-get install -y ${join(" ", local.y)}", <<-EOT\n      echo "%{ if true }a%{ else }b%{ endif }" >> /etc/x\n    EOT\n    ]\n  }\n}\n',
  'b.pkr.json':
    '{"variable": {"x": {"default": "y"}}, "source": {"qemu": {"d": {"iso_url": "${var.x}"}}}, "build": [{"sources": ["source.qemu.d"], "provisioner": [{"shell": {"inline": ["echo ${var.x}"]}}]}]}',
  'c.json':
    '{"variables": {"a": "{{env `HOME`}}"}, "builders": [{"type": "qemu", "iso_url": "{{user `a`}}\\u00e9", "disk_discard": "ignore"}], "provisioners": [{"type": "shell", "inline": ["a | b || true | c"]}], "post-processors": [["compress", {"type": "checksum"}]]}',
  'd.sh':
    '#!/bin/bash -e\nP=(a "b c"); P+=(d)\nfor i in "${P[@]}" x; do apt-get install -y "$i"; done\ncase $1 in a|b) rm -rf /var/cache/*;; esac\ncat <<EOF | sudo tee -a /etc/x && dpkg -l | grep y || true | xargs rm\nfoo $BAR $(date)\nEOF\nsh -c "curl http://example.com/x | bash" <(ls) 2>&1 >/dev/null\nf() { if [[ -f /x && $y =~ ^a ]]; then echo "${z:-w}"; fi; }\n',
  'user-data':
    '#cloud-config\npackages: [a, [b, 1.0]]\nruncmd:\n  - [sh, -c, "apt-get install x"]\n  - |\n    echo a\n    echo b >> /etc/x\nusers:\n  - &u {name: a, plain_text_passwd: b}\n  - *u\n',
  'e.yml':
    '- hosts: all\n  tasks:\n    - apt: {name: "{{ item }}", state: present}\n      loop: [a, b]\n    - shell: |\n        echo {{ x }} >> /etc/y\n    - include_tasks: e.yml\n    - block:\n        - file: path=/x mode=0777\n',
  'ks.cfg':
    'lang C\nkeyboard us\nrootpw --plaintext x\npart /home --size=1\n%packages\n@core\nvim\n%end\n%post --interpreter=/bin/bash\napt-get install -y x\n%end\n',
  'preseed.cfg':
    'd-i passwd/user-password password x\nd-i pkgsel/include string a \\\n  b\nd-i preseed/late_command string in-target sh -c "echo a >> /etc/b"; true\n',
};

const PIECES = [
  '"',
  "'",
  '${',
  '}',
  '$(',
  ')',
  '{{',
  '}}',
  '`',
  '\\',
  '\n',
  '\0',
  '|',
  '||',
  '<<EOF\n',
  '%{',
  '[',
  ']',
  '\u{1f600}',
  '\ue000',
  '&a',
  '*a',
  '!!x',
  '- ',
  '#',
  '=',
  ':',
  '\t',
];

function mutate(text: string, seed: number): string {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  let made = text;
  for (let count = 1 + below(6); count > 0; count--) {
    const at = below(made.length + 1);
    const length = below(12);
    const choice = below(5);
    if (choice === 0) made = made.slice(0, at) + made.slice(at + length);
    else if (choice === 1) made = made.slice(0, at) + PIECES[below(PIECES.length)] + made.slice(at);
    else if (choice === 2)
      made = made.slice(0, at) + PIECES[below(PIECES.length)]!.repeat(1 + below(400)) + made.slice(at);
    else if (choice === 3) {
      const from = below(made.length);
      made = made.slice(0, at) + made.slice(from, from + below(80)) + made.slice(at);
    } else made = made.slice(0, at);
  }
  return made;
}

for (const [index, [name, seed]] of Object.entries(SEEDS).entries()) {
  it(`survives damage to ${name}`, async () => {
    for (let number = 0; number < CASES; number++) {
      const text = mutate(seed, index * 1_000_003 + number);
      const started = performance.now();
      try {
        const { result } = await lintFiles({ [name]: text });
        for (const { place } of result.findings) {
          const { line, column } = place.file.position(place.start);
          expect(line > 0 && column > 0 && place.start <= place.end, `${name} #${number}`).toBe(true);
          expect(place.end <= place.file.text.length, `${name} #${number}`).toBe(true);
        }
      } catch (error) {
        if (!(error instanceof ImgoptError))
          throw new Error(`${name} #${number}: ${String(error)}`, { cause: error });
      }
      expect(performance.now() - started, `${name} #${number}`).toBeLessThan(20_000);
    }
  });
}

const deep = 100_000;

it('bounds what grows', async () => {
  const hostile: Record<string, Record<string, string>> = {
    parentheses: { 'a.sh': `#!/bin/sh -e\n${'('.repeat(deep)}\n` },
    substitutions: { 'a.sh': `#!/bin/sh -e\necho ${'$('.repeat(deep)}\n` },
    pipes: { 'a.sh': `#!/bin/sh -e\n${'a | '.repeat(20_000)}b\n` },
    brackets: { 'a.pkr.hcl': `locals {\n  x = ${'['.repeat(deep)}\n}\n` },
    objects: { 'a.json': `{"builders": ${'['.repeat(deep)}` },
    yaml: { 'a.yml': `- hosts: ${'['.repeat(deep)}` },
    aliases: {
      'user-data': `#cloud-config\na: &a [x, x, x, x, x, x, x, x, x]\n${[...'bcdefghi'].map((name, i) => `${name}: &${name} [${`*${'abcdefghi'[i]}, `.repeat(9)}]`).join('\n')}\npackages: *i\n`,
    },
    cycle: {
      'a.pkr.hcl': 'locals {\n  a = local.b\n  b = local.a\n}\nvariable "v" {\n  default = var.v\n}\n',
    },
    loops: {
      'a.pkr.hcl': `locals {\n  l = [${'"x", '.repeat(200)}]\n  m = [for a in local.l : [for b in local.l : [for c in local.l : "\${a}\${b}\${c}"]]]\n}\n`,
    },
    doubling: {
      'a.pkr.hcl': `locals {\n  l0 = "xxxxxxxxxxxxxxxx"\n${Array.from({ length: 60 }, (_, i) => `  l${i + 1} = "\${local.l${i}}\${local.l${i}}"`).join('\n')}\n}\n`,
    },
    choices: {
      'a.pkr.hcl': `variable "v" {}\nlocals {\n  c = var.v ? "a" : "b"\n  d = join("", [${'local.c, '.repeat(40)}])\n  e = format("%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s", ${'local.c, '.repeat(19)}local.c)\n}\n`,
    },
    include: { 'a.yml': '- import_playbook: a.yml\n- hosts: all\n  tasks:\n    - include_tasks: a.yml\n' },
  };
  for (const [name, files] of Object.entries(hostile)) {
    const started = performance.now();
    try {
      await lintFiles(files);
    } catch (error) {
      if (!(error instanceof ImgoptError)) throw new Error(`${name}: ${String(error)}`, { cause: error });
    }
    expect(performance.now() - started, name).toBeLessThan(60_000);
  }
});
