import { completePlans, has, MACHINE_BUILDERS } from '../queries.ts';
import type { Found, LintRule } from '../rule.ts';
import { HOLE } from '../text.ts';
import { staticText } from '../value.ts';

export const defaultCredentials: LintRule = {
  id: 'default-credentials',
  title: "The build's password stays in the image",
  severity: 'warning',
  why: 'The password that Packer logs in with stands in the template. Unless the build takes it away, it opens every machine made from the image.',
  fix: 'In the last step or in shutdown_command: passwd -l USER, or userdel -rf USER; or log in with a key.',
  example: {
    language: 'hcl',
    bad: 'source "qemu" "debian" {\n  iso_url          = "https://example.org/debian.iso"\n  iso_checksum     = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username     = "packer"\n  ssh_password     = "packer"\n  shutdown_command = "echo packer | sudo -S shutdown -P now"\n}\nbuild {\n  sources = ["source.qemu.debian"]\n  provisioner "shell" {\n    inline = ["apt-get clean"]\n  }\n}\n',
    good: 'source "qemu" "debian" {\n  iso_url          = "https://example.org/debian.iso"\n  iso_checksum     = "sha256:0000000000000000000000000000000000000000000000000000000000000000"\n  ssh_username     = "packer"\n  ssh_password     = "packer"\n  shutdown_command = "echo packer | sudo -S sh -c \'passwd -l packer && shutdown -P now\'"\n}\nbuild {\n  sources = ["source.qemu.debian"]\n  provisioner "shell" {\n    inline = ["apt-get clean"]\n  }\n}\n',
  },
  *check(project): Iterable<Found> {
    for (const plan of completePlans(project, MACHINE_BUILDERS)) {
      // A Vagrant box is logged into with its well-known password by design.
      if (plan.build.postProcessors.flat().some((one) => one.labels[0] === 'vagrant')) continue;
      if (has(plan, ({ operation }) => operation.kind === 'reset' && operation.what === 'account')) continue;
      for (const seed of plan.seeds) {
        for (const { user, place, plain } of seed.passwords) {
          if (plain === null || plain.includes(HOLE)) continue;
          const whom = user === '' ? 'the user' : user;
          yield { place, message: `nothing locks or removes ${whom} that this password is for` };
        }
      }
      for (const { block } of plan.build.sources) {
        const setting = block.setting('ssh_password');
        const password = staticText(setting?.value);
        if (setting === undefined || password === undefined || password === '') continue;
        yield {
          place: setting.place,
          message: `nothing locks or removes ${staticText(block.value('ssh_username')) ?? 'the user'} that this password is for`,
        };
      }
    }
  },
};
