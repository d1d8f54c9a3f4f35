import { isRejection, type Rejection, reject } from '../../engine/rejection.ts';
import type { Operation } from '../request/s3-request.ts';
import { readXml, textOf } from '../xml.ts';

const configurationBytesMax = 64 * 1024;

export const putBucketVersioning: Operation = {
  name: 'PutBucketVersioning',
  async run(request, engine) {
    const body = await request.smallBody(configurationBytesMax);
    if (isRejection(body)) return body;
    const versioning = versioningIn(body);
    if (isRejection(versioning)) return versioning;
    const put = await engine.putBucketVersioning(request.caller, request.bucket, versioning);
    if (isRejection(put)) return put;
    return { status: 200, headers: [] };
  },
};

function versioningIn(body: Buffer): 'enabled' | 'suspended' | Rejection {
  const root = readXml(body, 'VersioningConfiguration');
  if (isRejection(root)) return root;
  if (textOf(root, 'MfaDelete')?.trim() === 'Enabled') return reject('NotImplemented', { Header: 'MfaDelete' });
  const status = textOf(root, 'Status')?.trim();
  if (status === 'Enabled') return 'enabled';
  if (status === 'Suspended') return 'suspended';
  return reject(status === undefined ? 'IllegalVersioningConfigurationException' : 'MalformedXML');
}
