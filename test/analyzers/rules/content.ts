/** An ext4 image with given files, inspected: for specs of rules that read content. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { prepareRules, suggest } from '../../../src/analyzers/suggest.ts';
import { DiagnosticLog, RunContext } from '../../../src/core/context.ts';
import type { Suggestion } from '../../../src/core/contracts/report.ts';
import type { RemovalRule } from '../../../src/core/contracts/rule.ts';
import { inspect } from '../../../src/inspect/inspect.ts';
import { createRegistry } from '../../../src/registry.ts';
import { runToolSync } from '../../support/tools.ts';

export async function suggestionsOnDisk(
  rule: RemovalRule,
  contents: Readonly<Record<string, Uint8Array>>,
  poke?: (image: Buffer) => void,
): Promise<Suggestion[]> {
  const folder = mkdtempSync(join(tmpdir(), 'imgopt-rules-'));
  try {
    for (const [path, bytes] of Object.entries({ 'etc/os-release': Buffer.from('ID=x\n'), ...contents })) {
      const file = join(folder, 'tree', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
    for (const name of ['usr', 'bin', 'sbin', 'lib', 'var', 'root', 'home', 'dev', 'proc'])
      mkdirSync(join(folder, 'tree', name), { recursive: true });
    const image = join(folder, 'root.ext4');
    runToolSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', '4096', '-d', join(folder, 'tree'), image, '96M']);
    if (poke !== undefined) {
      const bytes = readFileSync(image);
      poke(bytes);
      writeFileSync(image, bytes);
    }
    const inspection = await inspect(image, new RunContext({ log: new DiagnosticLog() }), {
      drivers: createRegistry(),
    });
    try {
      const found = await suggest(await prepareRules(inspection), [rule]);
      return found.map(({ suggestion }) => suggestion);
    } finally {
      await inspection.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
