import { expect, it } from 'vitest';
import { qemuDiscard } from '../../../src/templates/rules/qemu-discard.ts';
import { describeRule, sourceBlock } from '../support.ts';

describeRule(qemuDiscard, ({ fixed, messages }) => {
  it('follows variables and locals, and does not guess about those without a value', async () => {
    const source = sourceBlock('  disk_discard = local.discard');
    expect(await messages({ 'a.pkr.hcl': `${source}locals {\n  discard = "unmap"\n}\n` })).toEqual([]);
    expect(await messages({ 'a.pkr.hcl': `${source}locals {\n  discard = "ignore"\n}\n` })).toHaveLength(1);
    const variable = `${sourceBlock('  disk_discard = var.discard')}variable "discard" {}\n`;
    expect(await messages({ 'a.pkr.hcl': variable })).toEqual([]);
  });

  it('reads a -drive of qemuargs, which takes the place of Packer’s own', async () => {
    const drive = (text: string) =>
      sourceBlock(
        `  qemuargs = [["-drive", "file=output/disk,format=qcow2${text}"], ["-drive", "file=seed.iso,media=cdrom"]]`,
      );
    expect(await messages({ 'a.pkr.hcl': drive('') })).toEqual([
      'the -drive of qemuargs lacks discard=unmap: deleted data stays in the image',
    ]);
    expect(await messages({ 'a.pkr.hcl': drive(',discard=unmap') })).toEqual([]);
  });

  it('fixes HCL and JSON alike, and leaves a variable to its other users', async () => {
    const legacy =
      '{\n  "builders": [\n    {\n      "type": "qemu",\n      "iso_url": "x.iso",\n      "disk_discard": "ignore"\n    }\n  ]\n}\n';
    expect((await fixed({ 'a.json': legacy }))['a.json']).toBe(legacy.replace('"ignore"', '"unmap"'));
    const without = legacy.replace(',\n      "disk_discard": "ignore"', '');
    expect(JSON.parse((await fixed({ 'a.json': without }))['a.json']!).builders[0].disk_discard).toBe(
      'unmap',
    );
    expect(
      await fixed({ 'a.pkr.hcl': `${sourceBlock('  disk_discard = local.d')}locals {\n  d = "ignore"\n}\n` }),
    ).toEqual({});
  });

  it('says nothing about other builders', async () => {
    expect(
      await messages({ 'a.pkr.hcl': 'source "virtualbox-iso" "x" {\n  iso_url = "x.iso"\n}\n' }),
    ).toEqual([]);
  });
});
