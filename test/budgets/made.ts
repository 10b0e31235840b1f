/** Reports made by hand, as small as a test wants them. */
import type { Budget } from '../../src/budgets/budget.ts';
import type {
  DiagnosticSection,
  HygieneSection,
  PackageSection,
  Report,
  Suggestion,
} from '../../src/core/contracts/report.ts';

export const KiB = 1024;
export const MiB = 1024 * KiB;
export const GiB = 1024 * MiB;

export interface MadePackage {
  readonly name: string;
  readonly version?: string;
  readonly size?: number | null;
  readonly declared?: number | null;
  readonly manager?: string;
  readonly architecture?: string | null;
}

export interface Made {
  readonly path?: string;
  readonly format?: string;
  readonly fileSize?: number;
  readonly allocated?: number;
  readonly virtualSize?: number;
  readonly stale?: number;
  readonly staleEvidence?: 'measured' | 'estimated' | 'unknown';
  readonly packages?: readonly MadePackage[];
  /** Path and bytes. Directories are summed up from it. */
  readonly files?: Readonly<Record<string, number>>;
  /** Cut the list of files to the largest. */
  readonly top?: number;
  readonly kinds?: Readonly<Record<string, number>>;
  readonly mounts?: Readonly<Record<string, number>>;
  readonly suggestions?: readonly (readonly [rule: string, title: string, bytes: number])[];
  readonly hygiene?: readonly (readonly [title: string, severity: HygieneSection['severity']])[];
  readonly diagnostics?: readonly DiagnosticSection[];
}

export function madeReport(made: Made): Report {
  const files = Object.entries(made.files ?? {}).sort(([, a], [, b]) => b - a);
  const directories = new Map<string, number>();
  for (const [path, size] of files) {
    for (let at = path.lastIndexOf('/'); ; at = path.lastIndexOf('/', at - 1)) {
      const above = at <= 0 ? '/' : path.slice(0, at);
      directories.set(above, (directories.get(above) ?? 0) + size);
      if (at <= 0) break;
    }
  }
  const content = files.reduce((sum, [, size]) => sum + size, 0);
  const suggestions = (made.suggestions ?? []).map(
    ([rule, title, reclaimable]): Suggestion => ({
      rule,
      title,
      safety: 'safe',
      reclaimable,
      paths: [],
      packages: [],
      commands: [],
      reason: '',
      family: 'caches',
      needsUnusedDropped: true,
    }),
  );
  const measured = { evidence: 'measured' } as const;
  const fileSize = made.fileSize ?? 100 * MiB;
  return {
    schema: 'imgopt.report/1',
    generator: { name: 'imgopt', version: '0.1.0' },
    artifact: {
      path: made.path ?? 'out/disk.qcow2',
      format: made.format ?? 'qcow2',
      formatDetails: {},
      fileSize,
      allocated: made.allocated ?? fileSize,
      virtualSize: made.virtualSize ?? 1024 * MiB,
      backing: [],
    },
    partitions: [],
    filesystems: Object.entries(made.mounts ?? { '/': content }).map(([mountPoint, used], index) => ({
      index,
      type: 'ext4',
      label: `label${index}`,
      uuid: `0b7ba9a8-8c0f-4f1c-9a3e-3f5ad0f7a00${index}`,
      partition: null,
      start: 0,
      size: 1024 * MiB,
      used,
      unused: 1024 * MiB - used,
      stale: null,
      mountPoint,
      files: null,
      directories: null,
      state: 'clean' as const,
    })),
    books: {
      files: { bytes: content, ...measured },
      metadata: { bytes: 0, ...measured },
      stale: { bytes: made.stale ?? 0, evidence: made.staleEvidence ?? 'measured' },
      unread: { bytes: 0, ...measured },
      other: { bytes: 0, ...measured },
    },
    os: null,
    totals: {
      files: files.length,
      directories: directories.size,
      symlinks: 0,
      size: content,
      allocated: content,
      packaged: 0,
      unpackaged: content,
      reclaimable: suggestions.reduce((sum, one) => sum + one.reclaimable, 0),
    },
    packages: madePackages(made.packages ?? []),
    kinds: Object.entries(made.kinds ?? {}).map(([kind, allocated]) => ({
      kind,
      files: 1,
      size: allocated,
      allocated,
    })),
    files: files.slice(0, made.top ?? files.length).map(([path, size]) => ({
      path,
      filesystem: 0,
      size,
      allocated: size,
      links: 1,
      package: null,
    })),
    directories: [...directories].map(([path, allocated]) => ({
      path,
      filesystem: 0,
      size: allocated,
      allocated,
      files: 1,
      exclusive: 0,
      unpackaged: 0,
    })),
    suggestions,
    hygiene: (made.hygiene ?? []).map(([title, severity]) => ({
      rule: 'machine-id',
      title,
      severity,
      paths: [],
      commands: [],
      reason: '',
    })),
    diagnostics: made.diagnostics ?? [],
  };
}

function madePackages(packages: readonly MadePackage[]): PackageSection[] {
  return packages.map(
    ({ name, version = '1', size = MiB, declared, manager = 'dpkg', architecture = 'amd64' }) => ({
      manager,
      name,
      version,
      architecture,
      installedSize: declared === undefined ? size : declared,
      allocated: size,
      files: size === null ? null : 1,
      automatic: null,
      requiredBy: [],
      state: null,
    }),
  );
}

/** What a package list tells: names, versions, perhaps declared sizes. */
export function madeManifest(packages: readonly MadePackage[]): Report {
  const report = madeReport({ format: 'dpkg', packages: packages.map((one) => ({ ...one, size: null })) });
  const unknown = { bytes: null, evidence: 'unknown' } as const;
  return {
    ...report,
    artifact: { ...report.artifact, fileSize: null, allocated: null, virtualSize: null },
    filesystems: [],
    books: { files: unknown, metadata: unknown, stale: unknown, unread: unknown, other: unknown },
    totals: {
      files: null,
      directories: null,
      symlinks: null,
      size: null,
      allocated: null,
      packaged: null,
      unpackaged: null,
      reclaimable: null,
    },
    directories: [],
  };
}

export function madeBudget(budget: Partial<Budget> & Pick<Budget, 'measure'>): Budget {
  return {
    name: budget.measure,
    match: null,
    of: 'used',
    codec: 'zstd',
    max: null,
    warn: null,
    growth: null,
    message: null,
    allowEmpty: false,
    where: 'imgopt.yml:3:7',
    ...budget,
  };
}
