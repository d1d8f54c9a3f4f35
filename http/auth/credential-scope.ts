import type { RejectionFacts } from '../../engine/rejection.ts';
import { remembering } from '../remembering.ts';

/** The Credential of a signature: `<access key>/<YYYYMMDD>/<region>/s3/aws4_request`. */
export interface CredentialScope {
  readonly accessKey: string;
  readonly date: string;
  readonly region: string;
  /** Without the access key: what is signed. */
  readonly scope: string;
}

/** Why a Credential can't be used, as S3 words it, and the region to use instead. */
export interface ScopeProblem {
  readonly problem: string;
  readonly region?: string;
}

/** The region every S3 client falls back to is accepted beside our own. */
const fallbackRegion = 'us-east-1';
const day = /^\d{8}$/;

export function parseCredentialScope(credential: string, ownRegion: string): CredentialScope | ScopeProblem {
  const { accessKey, date, region, service, terminator, scope } = piecesOf(credential);
  if (accessKey === '' || !day.test(date)) {
    return { problem: 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".' };
  }
  if (terminator !== 'aws4_request') return { problem: `incorrect terminal "${terminator}". This endpoint uses "aws4_request".` };
  if (service !== 's3') return { problem: `incorrect service "${service}". This endpoint belongs to "s3".` };
  if (region !== ownRegion && region !== fallbackRegion) {
    return { problem: `the region '${region}' is wrong; expecting '${ownRegion}'`, region: ownRegion };
  }
  return { accessKey, date, region, scope };
}

/** The region to sign for: in the header too, for an answer to HEAD has nothing else. */
export function regionFacts(region: string): RejectionFacts {
  return { Region: region, 'header:x-amz-bucket-region': region };
}

/** An access key may hold slashes. */
const piecesOf = remembering(256, (credential: string) => {
  const pieces = credential.split('/');
  const [date, region, service, terminator] = pieces.slice(-4) as [string, string, string, string];
  return { accessKey: pieces.slice(0, -4).join('/'), date, region, service, terminator, scope: pieces.slice(-4).join('/') };
});
