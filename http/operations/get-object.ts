import { isRejection } from '../../engine/rejection.ts';
import { parseRead, readHeaders, readStatus } from '../parameters/object-reads.ts';
import type { Operation } from '../request/s3-request.ts';

export const getObject: Operation = {
  name: 'GetObject',
  async run(request, engine) {
    const read = parseRead(request);
    if (isRejection(read)) return read;
    const found = await engine.getObject(request.caller, read.query);
    if (isRejection(found)) return found;
    return {
      status: readStatus(found),
      headers: readHeaders(found, read),
      content: { body: found.body, length: found.slice.length },
    };
  },
};
