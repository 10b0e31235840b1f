/** Results of checks with everything in them, and with names that try to break out. */
import { formatBaseline, makeBaseline, readBaseline } from '../../../src/budgets/baseline.ts';
import { type CheckResult, checkReport } from '../../../src/budgets/check.ts';
import { parseGrowth } from '../../../src/budgets/growth.ts';
import type { Report } from '../../../src/core/contracts/report.ts';
import { type Made, MiB, madeBudget, madeReport } from '../../budgets/made.ts';

/** Each would end something, begin something, or drive whoever reads it. */
export const HOSTILE = [
  '</failure></testcase><testcase name="injected"/>',
  '"><script>alert(1)</script>',
  ']]><injected/>',
  '<!-- --><b>bold</b>',
  '::error file=/etc/passwd::injected',
  '\n::error ::injected',
  '%0A::error ::injected',
  '##[error]injected',
  '| injected | cell |',
  '\\| injected | cell |',
  '`code` **bold** [link](http://evil.example) ![image](http://evil.example/x.png)',
  '``` \n```',
  '@someone #1 https://evil.example www.evil.example a@evil.example',
  '\u001b[31mred\u0007\u009b',
  '\u202egnp.exe',
  '\ud800 lone surrogate',
  '\uffff\ufffe not a character',
  '{0} [text](1) braces',
  '  spaces  ',
  '`',
];

const hostileFiles = Object.fromEntries(HOSTILE.map((name, index) => [`/srv/${name}`, (index + 1) * MiB]));

export const BEFORE: Made = {
  fileSize: 80 * MiB,
  files: { '/usr/bin/bash': MiB },
  packages: [{ name: 'bash', version: '5.1', size: MiB }],
};
export const AFTER: Made = {
  fileSize: 100 * MiB,
  files: { '/usr/bin/bash': MiB, '/usr/lib/gcc/cc1': 30 * MiB },
  packages: [
    { name: 'bash', version: '5.2', size: 2 * MiB },
    { name: 'gcc-12', size: 40 * MiB },
  ],
};

export interface MadeCheck {
  readonly before?: Made | null;
  readonly after?: Made;
  readonly max?: number;
  readonly warn?: number;
  readonly growth?: string;
  readonly message?: string;
  readonly name?: string;
  readonly path?: string;
  readonly where?: string;
}

export function madeCheck(made: MadeCheck = {}): CheckResult {
  const { before = BEFORE, after = AFTER, path = 'out/debian.qcow2' } = made;
  const report = madeReport({ ...after, path });
  const text = before === null ? null : formatBaseline(makeBaseline(madeReport(before), new Map()));
  return checkReport({
    report,
    path,
    kind: 'image',
    budgets: [
      madeBudget({
        measure: 'file-size',
        name: made.name ?? 'file size',
        max: made.max ?? 90 * MiB,
        warn: made.warn ?? null,
        growth: made.growth === undefined ? null : parseGrowth(made.growth),
        message: made.message ?? null,
        where: made.where ?? 'imgopt.yml:3:7',
      }),
      madeBudget({ measure: 'package', match: 'bash', name: 'shell', max: 10 * MiB }),
      madeBudget({ measure: 'compressed', name: 'as it ships', warn: 40 * MiB }),
    ],
    baseline:
      text === null ? null : { snapshot: readBaseline(JSON.parse(text), 'baseline.json'), measurable: null },
    isRecording: false,
    knowsHygiene: true,
    compressed: new Map([
      [
        'zstd',
        { bytes: 50 * MiB, evidence: 'sampled', error: MiB, how: '64 of 1,024 pieces compressed with zstd' },
      ],
    ]),
  });
}

/** Every name that could come from an image or a configuration is one that breaks out. */
export function hostileCheck(): CheckResult {
  const result = madeCheck({
    name: HOSTILE[0]!,
    message: HOSTILE.join('\n'),
    path: `out/${HOSTILE[1]!.replaceAll('/', '_')}`,
    after: {
      ...AFTER,
      files: hostileFiles,
      packages: HOSTILE.map((name, index) => ({ name, version: name, size: (index + 1) * MiB })),
      diagnostics: HOSTILE.map((name) => ({
        code: 'IMGOPT_X',
        severity: 'error',
        message: name,
        where: name,
      })),
    },
  });
  // More than the few that a result blames.
  const things = HOSTILE.map((name) => ({ name, bytes: MiB, atLeast: false, note: name }));
  return {
    ...result,
    budgets: result.budgets.map((one) => ({
      ...one,
      blame: { since: 'baseline', packages: things, directories: things, files: things },
    })),
  };
}

/** All the places that a name can come from. */
export const hostileReport: Report = {
  ...madeReport({
    path: `out/${HOSTILE[4]!.replaceAll('/', '_')}`,
    files: Object.fromEntries(HOSTILE.map((name, index) => [`/srv/${name}`, (index + 1) * MiB])),
    packages: HOSTILE.map((name) => ({ name, version: name })),
    suggestions: HOSTILE.map((name) => ['rule', name, MiB] as const),
    hygiene: HOSTILE.map((name) => [name, 'error'] as const),
    diagnostics: HOSTILE.map((name) => ({
      code: 'IMGOPT_X',
      severity: 'warning',
      message: name,
      where: name,
    })),
  }),
  os: { id: 'x', versionId: null, prettyName: HOSTILE[10]!, architecture: null },
};
