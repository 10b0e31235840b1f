/** GitLab's code quality report (docs.gitlab.com/ci/testing/code_quality, “Code Quality report format”). */
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { escapeName } from '../../core/text.ts';
import type { Finding } from './finding.ts';

export function* renderCodeQuality(findings: readonly Finding[]): Generator<string> {
  const issues = findings.map((one) => ({
    description: plain([one.title, one.message].filter((text) => text !== '').join('\n')),
    check_name: one.rule,
    fingerprint: createHash('sha256').update(one.identity).digest('hex'),
    severity: one.level === 'error' ? 'major' : 'minor',
    location: { path: pathOf(one.file), lines: { begin: one.line ?? 1 } },
  }));
  yield `${JSON.stringify(issues, null, 2)}\n`;
}

const plain = (text: string): string => text.toWellFormed().split('\n').map(escapeName).join('\n');

/** Relative to the repository, and 'without a leading ./'. */
const pathOf = (file: string): string => posix.normalize(file.toWellFormed().replaceAll('\\', '/'));
