/** What Packer tells the programs that it starts: PACKER_RUN_UUID, PACKER_BUILD_NAME and PACKER_BUILDER_TYPE. */
import type { BuildChoice } from '../manifests/packer-manifest.ts';

/** The build that this process belongs to; empty outside of Packer. */
export function buildOfEnvironment(environment: NodeJS.ProcessEnv): BuildChoice {
  const { PACKER_RUN_UUID: runUuid, PACKER_BUILD_NAME: name, PACKER_BUILDER_TYPE: builderType } = environment;
  return {
    ...(runUuid ? { runUuid } : {}),
    ...(name ? { name } : {}),
    ...(builderType ? { builderType } : {}),
  };
}
