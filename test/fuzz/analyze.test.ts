/**
 * Damaged copies of every fixture go through the whole analysis. What may come out: a report that its schema
 * accepts and whose books balance, or one of our errors; never a bug (any other exception), a hang or a bloat.
 *
 * IMGOPT_FUZZ_CASES sets how many cases in all (default 300), IMGOPT_FUZZ_SEED where they start.
 */
import {
  closeSync,
  copyFileSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createReport } from '../../src/analyzers/report.ts';
import { measureStale } from '../../src/analyzers/stale.ts';
import { DiagnosticLog, RunContext } from '../../src/core/context.ts';
import type { MeasuredReport } from '../../src/core/contracts/report.ts';
import { ImgoptError } from '../../src/core/errors.ts';
import { inspect } from '../../src/inspect/inspect.ts';
import { reportSchema } from '../../src/manifests/report-schema.ts';
import { createRegistry } from '../../src/registry.ts';
import { FIXTURES, fixturePath } from '../support/fixtures.ts';
import { temporaryFolder } from '../support/temp.ts';
import { liveSectors, type Mutation, mutationsFor } from './mutate.ts';

const CASES = Number(process.env.IMGOPT_FUZZ_CASES ?? 300);
const SEED = Number(process.env.IMGOPT_FUZZ_SEED ?? 1);
/** Fixtures are tens of MiB at most: an answer takes milliseconds, so ten seconds is a hang. */
const CASE_SECONDS = 10;
/** Growth of the process over the whole run; buffers of a case go with it. */
const GROWTH_BYTES = 512 * 2 ** 20;

const IMAGES = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replace(/\.zst$/, ''))
  .filter((name) => /\.(qcow2|vmdk|vhdx?|vdi|img|raw|ova|tar)$/.test(name) && !/[\\/]broken[\\/]/.test(name))
  .sort();
const folder = temporaryFolder();

/** Copies an image with the files beside it that it may refer to. */
function workingCopy(name: string): string {
  const inner = join(folder, dirname(name));
  mkdirSync(inner, { recursive: true });
  for (const sibling of readdirSync(join(FIXTURES, dirname(name)))) {
    const plain = sibling.replace(/\.zst$/, '');
    if (/\.(qcow2|vmdk|vhdx?|vdi|img|raw|ova|tar)$/.test(plain))
      copyFileSync(fixturePath(join(dirname(name), plain)), join(inner, plain));
  }
  return join(inner, basename(name));
}

function damage(file: number, mutations: readonly Mutation[]): void {
  for (const mutation of mutations) {
    if (mutation.kind === 'truncate') ftruncateSync(file, mutation.size);
    else writeSync(file, mutation.bytes, 0, mutation.bytes.length, mutation.at);
  }
}

function repair(file: number, original: Uint8Array, mutations: readonly Mutation[]): void {
  for (const mutation of mutations) {
    const at = mutation.kind === 'truncate' ? mutation.size : mutation.at;
    const end = mutation.kind === 'truncate' ? original.length : at + mutation.bytes.length;
    writeSync(file, original, at, end - at, at);
  }
}

async function analyze(path: string, deep: boolean): Promise<MeasuredReport> {
  const context = new RunContext({
    log: new DiagnosticLog(),
    threads: 2,
    signal: AbortSignal.timeout(CASE_SECONDS * 1000),
  });
  const inspection = await inspect(path, context, { drivers: createRegistry() });
  try {
    const options = { version: '0', top: 10 };
    const measured = deep ? { measured: await measureStale(inspection, context) } : {};
    return await createReport(inspection, { ...options, ...measured, diagnostics: context.log.list() });
  } catch (error) {
    // What could be opened is reported, whatever turns up later.
    throw new Error(`no report: ${String(error)}`, { cause: error });
  } finally {
    await inspection.close();
  }
}

function expectSound(report: MeasuredReport): void {
  reportSchema.parse(report);
  const { files, metadata, stale, unread, other } = report.books;
  expect(files.bytes + metadata.bytes + stale.bytes + unread.bytes + other.bytes).toBe(
    report.artifact.allocated,
  );
}

describe('damaged images', () => {
  const each = Math.max(4, Math.ceil(CASES / IMAGES.length));
  it.each(IMAGES)(`%s, ${each} cases`, async (name) => {
    const path = workingCopy(name);
    const original = readFileSync(path);
    const sectors = liveSectors(original);
    const file = openSync(path, 'r+');
    const outcomes = { report: 0, error: 0 };
    const before = process.memoryUsage.rss();
    try {
      for (let number = SEED; number < SEED + each; number++) {
        const mutations = mutationsFor(original, sectors, number);
        damage(file, mutations);
        const started = performance.now();
        try {
          expectSound(await analyze(path, number % 4 === 0));
          outcomes.report++;
        } catch (error) {
          if (!(error instanceof ImgoptError))
            throw new Error(`${name} #${number}: ${String(error)}`, { cause: error });
          expect(error.family, `${name} #${number}: ${error.toLine()}`).toMatch(
            /^(corrupt|unsupported|unreadable|usage)$/,
          );
          expect(error.toLine()).not.toContain('\n');
          outcomes.error++;
        }
        expect((performance.now() - started) / 1000, `${name} #${number} took too long`).toBeLessThan(
          CASE_SECONDS,
        );
        repair(file, original, mutations);
      }
    } finally {
      closeSync(file);
    }
    expect(process.memoryUsage.rss() - before).toBeLessThan(GROWTH_BYTES);
    expect(outcomes.report + outcomes.error).toBe(each);
    // The copy is whole again: the damage was the only reason for what came out.
    expect(readFileSync(path).equals(original)).toBe(true);
  });
});
