/** ssl-cert generates its key at installation. */
import type { HygieneRule } from '../../core/contracts/rule.ts';
import { pathHygiene } from '../path-hygiene.ts';

export const tlsKeys: HygieneRule = pathHygiene({
  id: 'tls-keys',
  title: 'Private keys of TLS',
  severity: 'error',
  description: 'Snakeoil and other generated private keys in /etc/ssl/private and /etc/pki/tls/private.',
  patterns: [
    '/etc/ssl/private/*.key',
    '/etc/ssl/private/*.pem',
    '/etc/pki/tls/private/*.key',
    '/etc/letsencrypt/archive/*/privkey*.pem',
  ],
  command: 'rm -f /etc/ssl/private/*.key /etc/ssl/private/*.pem /etc/pki/tls/private/*.key',
  why: 'the same private key on every machine; make-ssl-cert generate-default-snakeoil makes a new one',
});
