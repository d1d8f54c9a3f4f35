/** Whether a server that was just started answers yet, and whether it speaks TLS. */
import type { Answer } from '../client/connection.ts';
import { plainWire, S3Client, type S3Target, type WireOptions } from '../client/s3-client.ts';

const answerMillisecondsMax = 5000;

export interface FirstAnswer {
  readonly target: S3Target;
  /** Its `Server` header; empty when it has none. */
  readonly server: string;
}

/**
 * Undefined until it answers an S3 request: an open port is not enough, clusters say 503 until they are one. What listens there and does
 * not understand plain HTTP is asked over TLS.
 * @throws Error its certificate can't be verified, and has to be
 */
export async function firstAnswer(target: S3Target, insecure: boolean): Promise<FirstAnswer | undefined> {
  const plain = await ask(target, plainWire);
  const secure = { ...target, endpoint: target.endpoint.replace(/^http:/, 'https:') };
  const overTls = mayBeTls(plain) ? await ask(secure, { ...plainWire, insecure: true }) : undefined;
  if (overTls === undefined || overTls instanceof Error) return answering(target, plain);
  const verified = insecure ? overTls : await ask(secure, plainWire);
  if (verified instanceof Error) {
    throw new Error(`it speaks TLS, and its certificate cannot be verified: ${verified.message} (--insecure accepts it)`);
  }
  return answering(secure, overTls);
}

/** A server for TLS breaks the connection off or says 400. */
function mayBeTls(plain: Answer | Error): boolean {
  if (plain instanceof Error) return (plain as NodeJS.ErrnoException).code !== 'ECONNREFUSED';
  return plain.status === 400;
}

function answering(target: S3Target, answer: Answer | Error): FirstAnswer | undefined {
  if (answer instanceof Error || answer.status >= 500) return undefined;
  return { target, server: answer.headers.server ?? '' };
}

async function ask(target: S3Target, wire: WireOptions): Promise<Answer | Error> {
  const client = new S3Client(target, 1, wire);
  const tooLong = setTimeout(() => client.close(), answerMillisecondsMax);
  try {
    return await client.call({ method: 'GET', bucket: '' });
  } catch (error) {
    return error as Error;
  } finally {
    clearTimeout(tooLong);
    client.close();
  }
}
