/** Temporary folders that go with the test file. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A new folder, removed after the test file's last test. Call it at the top level or in `describe`. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'imgopt-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
