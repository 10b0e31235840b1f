/** The artifact's own section. */
import type { Inspection } from '../core/contracts/inspection.ts';
import type { MeasuredReport } from '../core/contracts/report.ts';

export function analyzeArtifact({ artifact }: Inspection): MeasuredReport['artifact'] {
  return {
    path: artifact.path,
    format: artifact.format,
    formatDetails: artifact.formatDetails,
    fileSize: artifact.fileSize,
    allocated: artifact.allocated,
    virtualSize: artifact.virtualSize,
    backing: artifact.backing.map(({ path, format, fileSize, allocated }) => ({
      path,
      format,
      fileSize,
      allocated,
    })),
  };
}
