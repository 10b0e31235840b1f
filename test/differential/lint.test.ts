/**
 * What lint reads, held against those who run it: Packer on templates and expressions, bash on words, patch on fixes.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fixedFiles, unifiedDiff } from '../../src/templates/fix.ts';
import { lint } from '../../src/templates/lint.ts';
import { loadProject } from '../../src/templates/project.ts';
import { LINT_RULES } from '../../src/templates/rules/index.ts';
import { ShellScript } from '../../src/templates/shell/script.ts';
import { loadGrammar } from '../../src/templates/syntax/tree-sitter.ts';
import { HOLE, MappedText, SourceFile } from '../../src/templates/text.ts';
import { isStatic, type Value } from '../../src/templates/value.ts';
import { describeWithTools, runTool } from '../support/tools.ts';
import { exampleFiles, sourceBlock, withFiles } from '../templates/support.ts';

/** Packer 1.6 has no required_plugins, and not every builder. */
const BEYOND = /required_plugins|"oracle|nutanix/;

describeWithTools(['packer'], 'Packer', () => {
  for (const { id, example } of LINT_RULES) {
    const isTemplate =
      example.language === 'source' || example.language === 'build' || example.language === 'hcl';
    for (const [kind, text] of [
      ['bad', example.bad],
      ['good', example.good],
    ] as const) {
      // `iso_checksum` may not be missing, and a variable is no build.
      if (!isTemplate || BEYOND.test(text) || !/source "|provisioner|post-processor|=/.test(text)) continue;
      it(`takes the ${kind} example of ${id}`, async () => {
        const files = exampleFiles(example, text);
        await withFiles(files, async (folder) => {
          await runTool('packer', ['validate', '-syntax-only', join(folder, 'debian.pkr.hcl')]);
        });
      });
    }
  }

  it('gives expressions the values that lint does', async () => {
    const expressions: Record<string, string> = {
      text: '"a-${var.name}-${1 + 2 * 3}"',
      escapes: '"tab\\tquote\\"dollar$${x}"',
      condition: 'var.name == "debian" ? "yes" : "no"',
      nested: 'var.flag ? (var.name != "debian" ? "a" : "b") : "c"',
      join: 'join(" ", concat(["a"], ["b", upper("c")]))',
      split: 'split(",", "a,b,c")[1]',
      loop: 'join(",", [for x in ["a", "b", "c"] : "${x}!" if x != "b"])',
      object: '{ for k, v in { a = "1", b = "2" } : k => "${v}-${k}" }["b"]',
      lookup: 'lookup({ a = "1" }, "z", "none")',
      replace: 'replace("a.b.c", ".", "-")',
      trim: 'trimspace("  x  ")',
      coalesce: 'coalesce("", "x")',
      length: 'length(["a", "b"])',
      flatten: 'join(",", flatten([["a"], ["b", "c"]]))',
      index: '{ a = { b = ["x", "y"] } }.a.b[1]',
      splat: 'join(",", [{ n = "a" }, { n = "b" }][*].n)',
      logic: '(true && !false) || false',
      compare: '3 >= 2',
      format: 'format("%s-%s", "a", "b")',
      heredoc: '<<-EOT\n    one\n      two ${var.name}\n    EOT\n',
      directive: '"%{ if var.flag }on%{ else }off%{ endif }"',
      trimmed:
        '<<EOT\n  a\n  %{ for v in ["x", "y"] ~}\n  - ${v}\n  %{ endfor ~}\n  %{~ if var.flag ~}\n  b  \n  %{~ else }\n  c\n  %{ endif ~}\n  z\nEOT\n',
      base: 'basename("/a/b/c.iso")',
    };
    const locals = Object.entries(expressions)
      .map(([name, text]) => `  ${name} = ${text}`)
      .join('\n');
    const template = `variable "name" {\n  type = string\n  default = "debian"\n}\nvariable "flag" {\n  type = bool\n  default = true\n}\nlocals {\n${locals}\n}\n${sourceBlock('')}build {\n  sources = ["source.qemu.debian"]\n}\n`;
    await withFiles({ 'a.pkr.hcl': template }, async (folder) => {
      const { templates } = await loadProject([folder]);
      for (const { name, value } of templates[0]!.locals) {
        expect(isStatic(value), name).toBe(true);
        const output = execFileSync('packer', ['console', folder], {
          input: `local.${name}\n`,
          encoding: 'utf8',
        });
        expect(output.replace(/\n$/, ''), name).toBe(plain(value));
      }
    });
  });
});

function plain(value: Value): string {
  if (value.kind === 'string') return value.text.text;
  if (value.kind === 'number') return String(value.number);
  return value.kind === 'bool' ? String(value.bool) : value.kind;
}

describeWithTools(['bash'], 'bash', () => {
  it('makes of words what lint does', async () => {
    const parser = await loadGrammar('bash');
    const setup = 'A=one; B="two three"; ARR=(x "y z"); ARR+=(w); P=/opt';
    const lines = [
      '$A "$A" \'$A\' a$A"b c"',
      '$B "$B" pre$B',
      '"${ARR[@]}" end',
      'a\\ b "c\\"d" \'e"f\' $\'g\\th\'',
      '{a,b}.txt pre{1,2}post "{a,b}"',
      '$P/lib "${P}/bin" ${P:?}/x',
      'con\\\ntinued "two\nlines"',
      '--flag=value -xyz -- -',
    ];
    for (const line of lines) {
      const text = `${setup}\nprintf '%s\\0' ${line}\n`;
      const file = new SourceFile('x.sh', text);
      const script = new ShellScript(parser, MappedText.of(file.place(0, text.length)));
      const ours = script.invocations
        .find((one) => one.name === 'printf')!
        .args.slice(1)
        .map((arg) => arg.text);
      expect(ours.join('').includes(HOLE), line).toBe(false);
      const theirs = execFileSync('bash', ['-c', text], { encoding: 'utf8' }).split('\0').slice(0, -1);
      expect(ours, line).toEqual(theirs);
    }
  });
});

describeWithTools(['patch', 'sh'], 'patch', () => {
  it('makes of --diff what --fix writes', async () => {
    const lines = Array.from({ length: 60 }, (_, number) =>
      number % 9 === 4
        ? `apt-get install -y p${number}`
        : number % 13 === 6
          ? `dpkg -l | grep p${number} || true | xargs apt-get purge`
          : `echo ${number}`,
    );
    for (const end of ['\n', '']) {
      const text = `#!/bin/sh -e\n${lines.join('\n')}\napt-get install -y last${end}`;
      await withFiles({ 'a.sh': text }, async (folder) => {
        const result = lint(await loadProject([join(folder, 'a.sh')]));
        const [fixed] = fixedFiles(result.findings, () => true);
        expect(fixed!.findings).toBe(12);
        writeFileSync(join(folder, 'fix.diff'), unifiedDiff(fixed!));
        await runTool('patch', ['-s', '--fuzz=0', join(folder, 'a.sh'), join(folder, 'fix.diff')]);
        expect(readFileSync(join(folder, 'a.sh'), 'utf8')).toBe(fixed!.text);
        await runTool('sh', ['-n', join(folder, 'a.sh')]);
      });
    }
  });
});
