/** What is known of a server that liteio is compared with: where to find it, how to start it, what it promises before it answers. */
import type { ServePlan } from '../run/plan.ts';

/** One way to run a peer. */
export interface PeerSetting {
  /** Unique among all settings of all peers: `minio`, `minio-1-drive`. */
  readonly name: string;
  /** 6: any two may be lost. 1: no redundancy. */
  readonly drives: 1 | 6;
  /** What is on the medium before a PUT is answered; one phrase for a table. */
  readonly durability: string;
  /**
   * How to start it on an empty directory, given its program. It serves as soon as any S3 request is answered with something other than
   * a refused connection or 503. On SIGTERM it stops all it started.
   */
  serve(program: string): ServePlan;
}

export interface FoundPeer {
  readonly version: string;
  /** Path of its executable (or script). */
  readonly program: string;
}

/** A program in a Go module. */
export interface GoProgram {
  /** What it is called once built. */
  readonly program: string;
  readonly module: string;
  readonly version: string;
  /** In the module's directory. */
  readonly package: string;
  readonly linkerFlags: string;
}

export interface Peer {
  readonly name: string;
  readonly settings: readonly PeerSetting[];
  /** One line printed when it is missing: how a person gets it. */
  readonly install: string;
  /** For those that can be built. */
  readonly goProgram?: GoProgram;
  /** Undefined when it is not on this machine. */
  find(environment: NodeJS.ProcessEnv): Promise<FoundPeer | undefined>;
}

/** Keys every peer is started with that lets one choose. */
export const benchCredentials = { accessKey: 'benchadmin', secretKey: 'benchadmin-secret', region: 'us-east-1' } as const;
