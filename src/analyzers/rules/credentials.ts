/** The path, never the content. */
import type { HygieneRule } from '../../core/contracts/rule.ts';
import { pathHygiene } from '../path-hygiene.ts';

export const credentials: HygieneRule = pathHygiene({
  id: 'credentials',
  title: 'Credentials',
  severity: 'error',
  description:
    'Keys and tokens in home directories: ~/.aws, ~/.docker/config.json, ~/.netrc, ~/.kube, private SSH keys … Only paths are reported, contents are never read.',
  patterns: [
    '~/.aws/credentials',
    '~/.aws/config',
    '~/.azure/*Profile.json',
    '~/.azure/msal_token_cache.*',
    '~/.config/gcloud/*.db',
    '~/.config/gcloud/application_default_credentials.json',
    '~/.docker/config.json',
    '~/.netrc',
    '~/.kube/config',
    '~/.pypirc',
    '~/.npmrc',
    '~/.git-credentials',
    '~/.config/gh/hosts.yml',
    '~/.vault-token',
    '~/.terraform.d/credentials.tfrc.json',
    '~/.cargo/credentials*',
    '~/.gem/credentials',
    '~/.m2/settings.xml',
    '~/.composer/auth.json',
    '~/.config/composer/auth.json',
    '~/.gnupg/private-keys-v1.d/*',
    '~/.ssh/id_*',
    '~/.ssh/*.pem',
    '/etc/rancher/*/*.yaml',
    '/var/lib/jenkins/secrets/*',
  ],
  command: 'rm -rf /root/.aws /root/.docker/config.json /root/.netrc /root/.kube /root/.git-credentials',
  why: 'whoever starts the image has them',
  except: /\.pub$/,
});
