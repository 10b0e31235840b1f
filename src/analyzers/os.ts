/** What the guest calls itself. */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { OsSection } from '../core/contracts/report.ts';

export function analyzeOs({ os }: Inspection): OsSection | null {
  if (os === null) return null;
  return { id: os.id, versionId: os.versionId, prettyName: os.prettyName, architecture: os.architecture };
}
