import { expect, it } from 'vitest';
import { noCompaction } from '../../../src/templates/rules/no-compaction.ts';
import { describeRule } from '../support.ts';

describeRule(noCompaction, ({ messages }) => {
  it('knows what other builders call it', async () => {
    const source = (type: string, lines: string) => ({
      'a.pkr.hcl': `source "${type}" "x" {\n  iso_url = "x.iso"\n${lines}\n}\n`,
    });
    expect(await messages(source('qemu', '  skip_compaction = true'))).toHaveLength(1);
    expect(await messages(source('qemu', '  skip_compaction = true\n  disk_compression = true'))).toEqual([]);
    expect(await messages(source('virtualbox-iso', '  skip_export = true'))).toHaveLength(1);
    expect(
      await messages(
        source('vsphere-iso', '  storage {\n    disk_size = 1000\n    disk_thin_provisioned = false\n  }'),
      ),
    ).toHaveLength(1);
    expect(
      await messages(
        source('vsphere-iso', '  storage {\n    disk_size = 1000\n    disk_thin_provisioned = true\n  }'),
      ),
    ).toEqual([]);
    expect(await messages(source('vmware-iso', '  disk_type_id = "thin"'))).toEqual([]);
  });
});
