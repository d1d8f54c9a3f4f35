/** Workloads of one request a step: put, get, stat, range-get, copy. */
import { encodePath } from '../client/signer.ts';
import { checkETag } from './checked-requests.ts';
import { mebibyte } from './sizes.ts';
import { WrongAnswer } from './trouble.ts';
import type { Ground, Workload } from './workload.ts';

const rangeBytesMax = mebibyte;

/** Each object is new. */
export const put: Workload = {
  async step({ requests, bodies, own, fresh }) {
    const number = fresh();
    await requests.put(own(number), bodies.of(number));
    return true;
  },
};

/** What is read was written a short while before: on every server alike it comes from memory, not from the disk. */
export const get: Workload = {
  async step(ground) {
    const { key, body } = anyLaidOut(ground);
    await ground.requests.get(key, body);
    return true;
  },
};

export const stat: Workload = {
  async step(ground) {
    const { key, body } = anyLaidOut(ground);
    await ground.requests.stat(key, body);
    return true;
  },
};

/** Anywhere in the object, up to 1 MiB of it. */
export const rangeGet: Workload = {
  async step(ground) {
    const { key, body } = anyLaidOut(ground);
    const length = 1 + ground.random.below(Math.min(rangeBytesMax, body.bytes.length));
    const start = ground.random.below(body.bytes.length - length + 1);
    await ground.requests.getRange(key, body, { start, length });
    return true;
  },
};

/** Each copy is a new object. */
export const copy: Workload = {
  async step(ground) {
    const { requests, own, fresh } = ground;
    const { key: source, body } = anyLaidOut(ground);
    const key = own(fresh());
    const headers = { 'x-amz-copy-source': `/${requests.bucket}/${encodePath(source)}` };
    await requests.send(
      { method: 'PUT', key, headers },
      {
        operation: 'copy',
        status: 200,
        check: (answer) => {
          const text = answer.body.toString();
          if (!text.includes('CopyObjectResult')) throw new WrongAnswer(`copy to ${key}: 200 with ${text.slice(0, 300)}`);
          const etag = /<ETag>(.*?)<\/ETag>/.exec(text)?.[1]?.replaceAll(/&quot;|&#34;/g, '"');
          checkETag(`copy to ${key}`, etag, { md5: body.md5, headers: answer.headers });
        },
      },
    );
    return true;
  },
};

function anyLaidOut({ random, objects, laidOut, bodies }: Ground) {
  const number = random.below(objects);
  return { key: laidOut(number), body: bodies.of(number) };
}
