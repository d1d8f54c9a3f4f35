/** What a run is to do: the command line parsed and checked, or written down by the standing set. */
import type { Checksum } from '../client/body-digests.ts';
import type { Credentials } from '../client/signer.ts';

export const workloads = [
  'put',
  'get',
  'stat',
  'list',
  'delete',
  'mixed',
  'multipart',
  'versioned',
  'copy',
  'range-get',
  'conditional',
  'ramp',
] as const;
export type WorkloadName = (typeof workloads)[number];

/** Of the bucket that the workload `versioned` has. */
export const versionsSuffix = '-versions';

export interface BenchPlan {
  readonly workloads: readonly WorkloadName[];
  readonly servers: readonly ServerPlan[];
  /** One line of the matrix each; as text, since the text is its name: `4KiB`, `uniform:1KiB-1MiB`, `lognormal:64KiB,1.5`, `4KiB:0.7,1MiB:0.3`. */
  readonly sizes: readonly string[];
  readonly concurrencies: readonly number[];
  /** Per turn: whichever comes first. */
  readonly limit: { readonly seconds: number; readonly operations: number };
  readonly turns: number;
  /** Objects laid out before get, stat, list, delete, mixed, copy and range-get. */
  readonly objects: number;
  readonly keyLayout: 'flat' | 'prefixes' | 'hex';
  readonly payload: 'signed' | 'unsigned' | 'streaming';
  readonly checksum: 'none' | Checksum;
  readonly keepAlive: boolean;
  /** For https endpoints: accept a certificate that can't be verified. */
  readonly insecure: boolean;
  readonly warmUpSeconds: number;
  readonly seed: number;
  /** Delete what was made, and the bucket if the harness made it. */
  readonly cleanUp: boolean;
  readonly bucket: string;
  /** Of the client; lines with up to 4 requests at once use one. */
  readonly threads: number;
  /** The command line that gave this plan, without secrets: for the result. */
  readonly command?: readonly string[];
}

export type ServerPlan = EndpointPlan | ServePlan;

export interface EndpointPlan {
  readonly kind: 'endpoint';
  readonly name: string;
  /** `http://host:port` or https. */
  readonly endpoint: string;
  readonly credentials: Credentials;
}

/** A server that the harness starts on an empty directory, measures and stops. */
export interface ServePlan {
  readonly kind: 'serve';
  readonly name: string;
  /** `{dir}` stands for the empty directory, `{port}` for a free port, `{port2}`, `{port3}` ... for further ones. */
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly credentials: Credentials;
}
