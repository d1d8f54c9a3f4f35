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

/** Why an endpoint gives no answer, in one line; with what to change where it would answer otherwise. */
export async function withWayOut(target: S3Target, message: string, insecure: boolean): Promise<string> {
  const reason = message
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .replace(/:$/, '');
  const answers = async (endpoint: string): Promise<boolean> =>
    !((await ask({ ...target, endpoint }, { ...plainWire, insecure: true })) instanceof Error);
  const { endpoint } = target;
  if (!endpoint.startsWith('https:')) {
    const secure = endpoint.replace(/^http:/, 'https:');
    return (await answers(secure)) ? `it speaks TLS: the endpoint is ${secure} (${reason})` : reason;
  }
  if (!insecure && (await answers(endpoint))) return `its certificate cannot be verified: ${reason} (--insecure accepts it)`;
  const plain = endpoint.replace(/^https:/, 'http:');
  return (await answers(plain)) ? `it does not speak TLS: the endpoint is ${plain} (${reason})` : reason;
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
