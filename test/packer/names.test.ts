import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { isResultOf, optimizedPath, replacedPath } from '../../src/packer/names.ts';
import { STARTING_CONFIG, snippetFor } from '../../src/packer/snippet.ts';
import { templateKind } from '../../src/packer/template-kind.ts';

test.each([
  ['out/packer-debian', 'qcow2', 'qcow2', 'out/packer-debian.optimized.qcow2', 'out/packer-debian'],
  ['out/debian-12.5', 'qcow2', 'qcow2', 'out/debian-12.5.optimized.qcow2', 'out/debian-12.5'],
  ['disk.qcow2', 'qcow2', 'qcow2', 'disk.optimized.qcow2', 'disk.qcow2'],
  ['disk.img', 'raw', 'raw', 'disk.optimized.img', 'disk.img'],
  ['disk.raw', 'qcow2', 'raw', 'disk.optimized.qcow2', 'disk.qcow2'],
  ['my disk', 'vpc', 'raw', 'my disk.optimized.vhd', 'my disk'],
  // Packer's own compress came first.
  ['out/disk.qcow2.gz', 'qcow2', 'qcow2', 'out/disk.optimized.qcow2', 'out/disk.qcow2'],
  ['out/disk.zst', 'raw', 'raw', 'out/disk.optimized.raw', 'out/disk'],
  ['/a/b-disk001.vmdk', 'vmdk', 'vmdk', '/a/b-disk001.optimized.vmdk', '/a/b-disk001.vmdk'],
])('%s as %s, from %s', (path, format, from, beside, instead) => {
  expect(optimizedPath(path, format, from)).toBe(beside);
  expect(replacedPath(path, format, from)).toBe(instead);
});

test.each([
  ['a.pkr.hcl', 'build {}', 'hcl2'],
  ['a.pkr.json', '{"build": {}, "source": {}}', 'hcl2-json'],
  ['a.json', '{"builders": []}', 'json'],
  ['template.json', '{"builders": [], "provisioners": []}', 'json'],
  ['package.json', '{"name": "x"}', null],
  ['broken.json', '{"builders": [', null],
  ['Packerfile', 'source "qemu" "x" {}\n', 'hcl2'],
  ['notes', 'nothing of the kind', null],
])('%s is %j', (name, text, kind) => {
  expect(templateKind(name, text)).toBe(kind);
});

test('the snippets are JSON where they should be', () => {
  for (const kind of ['json', 'hcl2-json'] as const) {
    expect(JSON.parse(`{${snippetFor(kind)}}`)).toHaveProperty('post-processors');
  }
});

test('the configuration to begin with is valid and says what happens without it', () => {
  const { config } = parseConfig(STARTING_CONFIG, 'imgopt.yml');
  expect(config.packer).toEqual({
    steps: ['analyze', 'optimize'],
    keepInput: true,
    report: true,
    checksum: true,
    optimize: {},
    compress: { algorithm: 'zstd' },
  });
});

test.each([
  ['out/disk', 'out/disk', false],
  ['out/disk-1', 'out/disk', false],
  ['out/efivars.fd', 'out/disk', false],
  ['out/disk.fd', 'out/disk', false],
  ['other/disk.zst', 'out/disk', false],
  ['out/disk.zst', 'out/disk', true],
  ['out/disk.gz.sha256', 'out/disk', true],
  ['out/disk.sha256', 'out/disk', true],
  ['out/disk.imgopt.json', 'out/disk', true],
  ['out/disk.optimized.qcow2', 'out/disk', true],
  ['out/disk.optimized.raw.zst.sha256', 'out/disk', true],
  ['out/disk.optimized.qcow2', 'out/disk.qcow2', true],
  ['out/disk.qcow2.imgopt.json', 'out/disk.qcow2', true],
])('%s is a result of %s: %j', (path, of, is) => {
  expect(isResultOf(path, of)).toBe(is);
});

test('docs/packer.md shows what init prints, and a configuration that is valid', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/packer.md'), 'utf8');
  const blocks = (language: string): string[] =>
    [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1]!);
  const plain = (lines: string): string => lines.replaceAll(/\s+/g, '');
  expect(blocks('hcl').map(plain)).toEqual([plain(snippetFor('hcl2'))]);
  expect(blocks('json').map(plain)).toEqual([plain(snippetFor('json'))]);
  const { config } = parseConfig(blocks('yaml')[0]!, 'imgopt.yml');
  expect(config.packer).toMatchObject({ keepInput: true, compress: { algorithm: 'zstd', level: 10 } });
});
