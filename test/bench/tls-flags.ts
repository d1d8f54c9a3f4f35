/** A certificate nobody vouches for. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Makes it and its key in `directory`; the server's flags for them. */
export function tlsFlags(directory: string): string[] {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', '/CN=localhost', '-keyout', 'key.pem', '-out', 'cert.pem'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-days', '2', ...names], { cwd: directory, stdio: 'ignore' });
  return ['--tls-cert', join(directory, 'cert.pem'), '--tls-key', join(directory, 'key.pem')];
}
