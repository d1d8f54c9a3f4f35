/** What a body comes to, of several names at once, taken from stripe buffers: MD5 beside the MD5 of other bodies, the rest at once. */
import type { DigestName, Digests } from '../body.ts';
import { type Digester, openDigester } from './digester.ts';
import type { Kernel } from './kernel.ts';
import type { Md5Lanes, Md5Stream } from './md5-lanes.ts';

export interface BodyDigestParts {
  readonly kernel: Kernel;
  readonly md5Lanes: Md5Lanes;
  /** The kernel's. */
  readonly memory: Buffer;
}

export class BodyDigest {
  private readonly memory: Buffer;
  private readonly digester: Digester;
  private readonly md5: Md5Stream | undefined;

  constructor(names: readonly DigestName[], { kernel, md5Lanes, memory }: BodyDigestParts) {
    this.memory = memory;
    this.digester = openDigester(
      names.filter((name) => name !== 'MD5'),
      kernel,
    );
    this.md5 = names.includes('MD5') ? md5Lanes.open() : undefined;
  }

  /** The next bytes. They must stay at `place` until this resolves. */
  take(place: number, bytes: number): Promise<void> | undefined {
    const hashed = this.md5?.update(place, bytes);
    this.digester.update(this.memory.subarray(place, place + bytes), place);
    return hashed;
  }

  /** When all that was taken has resolved. */
  digests(): Digests {
    return { ...this.digester.digests(), ...(this.md5 && { MD5: this.md5.digest() }) };
  }
}
