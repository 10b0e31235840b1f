import type { Plan } from '../plan.ts';
import { completePlans, has, headerOf, MACHINE_BUILDERS } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';

/** Names of scripts and commands that look at the result. */
const CHECKING =
  /(?:^|[/_.-])(?:tests?|verify|validate|validation|check|smoke|healthcheck|goss|inspec|pester)(?:[/_.-]|$)/i;

export const noValidation: LintRule = {
  id: 'no-validation',
  title: 'Nothing tests the image',
  severity: 'info',
  why: 'Packer publishes an image when its scripts end well, not when it works: a service that does not start is found by whoever boots it.',
  fix: 'End with a step that tests what the image is for (goss, inspec, systemctl is-active, a request to the service), and fail the build if it does not.',
  example: {
    language: 'build',
    bad: 'provisioner "shell" {\n  inline = ["apt-get install -y nginx"]\n}',
    good: 'provisioner "shell" {\n  inline = ["apt-get install -y nginx", "systemctl is-active nginx"]\n}',
  },
  *check(project): Iterable<Found> {
    for (const plan of completePlans(project, MACHINE_BUILDERS)) {
      if (!tests(plan))
        yield { place: headerOf(plan.build), message: 'no step tests the image before it is published' };
    }
  },
};

function tests(plan: Plan): boolean {
  if (has(plan, ({ operation }) => operation.kind === 'check')) return true;
  if (plan.build.provisioners.some((one) => /goss|inspec|testinfra/.test(one.type))) return true;
  // Scripts after the build may start the artifact.
  if (
    plan.build.postProcessors
      .flat()
      .some((one) => /^(?:shell-local|exoscale-import)$/.test(one.labels[0] ?? ''))
  )
    return true;
  return plan.steps.some(
    (step) =>
      step.scripts.some(
        ({ path, origin, script }) =>
          (origin === 'file' && CHECKING.test(path.split('/').slice(-2).join('/'))) ||
          script.invocations.some(
            (one) =>
              (one.name === 'systemctl' && /^is-/.test(one.args[0]?.text ?? '')) ||
              (one.name === 'sshd' && one.args.some((arg) => arg.text === '-t')) ||
              CHECKING.test(one.name),
          ),
      ) ||
      step.playbooks.some((playbook) =>
        playbook.tasks.some((task) => /^(?:assert|wait_for|goss)$/.test(task.module)),
      ),
  );
}
