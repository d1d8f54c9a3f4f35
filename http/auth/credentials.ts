import { hash } from 'node:crypto';
import type { Owner } from '../../engine/vocabulary.ts';

/** An access key with what it may sign and whom it stands for. */
export interface Credential {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly account: string;
  readonly owner: Owner;
  /** Temporary credentials alone: the token every request carries, and when it stops working (ms). */
  readonly session?: { readonly token: string; readonly expires: number };
}

/** Where signatures look keys up. */
export interface Credentials {
  find(accessKey: string): Credential | undefined;
}

/** One key, of the account that owns everything. The canonical user id is derived from the account's, so it survives a change of keys. */
export function rootCredentials(accessKey: string, secretKey: string, account: string): Credentials {
  const root: Credential = {
    accessKey,
    secretKey,
    account,
    owner: { id: hash('sha256', `canonical user ${account}`, 'hex'), displayName: account },
  };
  return { find: (wanted) => (wanted === accessKey ? root : undefined) };
}
