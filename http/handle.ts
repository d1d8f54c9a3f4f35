/** The life of a request on one page: admit, read the target, route, authenticate, check what headers tell, run, answer. */
import type { Clock, Randomness } from '../engine/clock.ts';
import type { Engine } from '../engine/engine.ts';
import { isRejection, type Rejection, type RejectionCode, reject } from '../engine/rejection.ts';
import { Authenticator } from './auth/authenticator.ts';
import type { Credentials } from './auth/credentials.ts';
import { AuthenticatedRequest } from './request/authenticated-request.ts';
import { refuseOtherOwner } from './request/bucket-owner.ts';
import { parseQuery } from './request/query.ts';
import { declaredLength } from './request/request-body.ts';
import { effectiveHeaders, joinHeaders, oversizedHeaders, unreadableHeader } from './request/request-headers.ts';
import { RequestIds } from './request/request-ids.ts';
import { parseTarget } from './request/request-target.ts';
import type { OperationName, Operations, S3Answer } from './request/s3-request.ts';
import { unservedHeader } from './request/unserved-headers.ts';
import { route } from './router.ts';
import { errorAnswer, rejectionOf } from './s3-errors.ts';
import type { Exchange, ExchangeHandler } from './transport/listener.ts';
import { xmlBytes } from './xml.ts';

/** The part of a pino logger that is used. */
export interface RequestLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface HandlerParts {
  readonly engine: Engine;
  readonly operations: Operations;
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: RequestLog;
  readonly region: string;
  /** Lower-case domains below which a host name starts with the bucket's. */
  readonly domains: readonly string[];
  /** Requests under way at once; more are told to slow down. */
  readonly requestsMax: number;
}

/** What the log tells of a request. Never its query: signatures travel there. */
interface RequestTrace {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly sourceAddress: string;
  operation: OperationName | undefined;
  accessKey: string | undefined;
  status: number | undefined;
  code: RejectionCode | undefined;
  milliseconds: number | undefined;
}

export function createHandler(parts: HandlerParts): ExchangeHandler {
  const { credentials, clock, randomness, region, requestsMax } = parts;
  const authenticator = new Authenticator(credentials, clock, region);
  const ids = new RequestIds(randomness);
  let underWay = 0;

  return async function handle(exchange) {
    const started = clock.now();
    const trace = traceOf(exchange, ids.next());
    underWay++;
    try {
      const outcome =
        underWay > requestsMax
          ? reject('SlowDown')
          : await outcomeOf(parts, authenticator, exchange, trace).catch((error) => explain(parts.log, trace, error));
      const sent = answer(exchange, outcome, trace, ids.hostId);
      if (sent !== undefined) await sent;
      trace.milliseconds = clock.now() - started;
      parts.log.debug(trace, 'request');
    } finally {
      underWay--;
    }
  };
}

/** Every field has its place from the beginning, so that all traces have one shape. */
function traceOf({ method, path, sourceAddress }: Exchange, requestId: string): RequestTrace {
  const unknown = { operation: undefined, accessKey: undefined, status: undefined, code: undefined, milliseconds: undefined };
  return { requestId, method, path, sourceAddress, ...unknown };
}

async function outcomeOf(
  parts: HandlerParts,
  authenticator: Authenticator,
  exchange: Exchange,
  trace: RequestTrace,
): Promise<S3Answer | Rejection> {
  const { method, path } = exchange;
  const sent = joinHeaders(exchange.headers);
  if (!isMet(sent.get('expect'))) return reject('ExpectationFailed');
  const target = parseTarget(path, sent.get('host') ?? '', parts.domains);
  if (isRejection(target)) return target;
  const query = parseQuery(exchange.query);
  if (!query) return reject('InvalidURI', { URI: path });
  const headers = effectiveHeaders(sent, query);
  const operation = route(target.resource, method, query, headers);
  if (isRejection(operation)) return operation;
  trace.operation = operation;
  const unfit = unreadableHeader(sent) ?? oversizedHeaders(headers);
  if (unfit) return unfit;

  const authenticated = authenticator.authenticate({ method, path: target.path, resourcePath: target.resourcePath, query, headers: sent });
  if (isRejection(authenticated)) return authenticated;
  const { accessKey, account, owner } = authenticated.credential;
  trace.accessKey = accessKey;
  const { requestId, sourceAddress } = trace;
  const caller = { account, owner, accessKey, requestId, sourceAddress, time: parts.clock.now() };

  const { region, domains, engine } = parts;
  const request = new AuthenticatedRequest({ exchange, target, query, headers, operation, authenticated, caller, region, domains });
  const length = declaredLength(request.bodySource());
  if (isRejection(length)) return length;
  const refused = unservedHeader(headers) ?? (isGuarded(request, operation) ? await strangersBucket(request, engine) : undefined);
  return refused ?? parts.operations[operation].run(request, engine);
}

/** The one expectation that HTTP has. An empty list expects nothing. */
function isMet(expect: string | undefined): boolean {
  return expect === undefined || /^[\s,]*(100-continue[\s,]*)*$/i.test(expect);
}

const ownerHeader = 'x-amz-expected-bucket-owner';

/** A bucket that is to be made has no owner yet. */
function isGuarded({ bucket, headers }: AuthenticatedRequest, operation: OperationName): boolean {
  return bucket !== '' && operation !== 'CreateBucket' && headers.has(ownerHeader);
}

function strangersBucket(request: AuthenticatedRequest, engine: Engine): Promise<Rejection | undefined> {
  return refuseOtherOwner(request, engine, { header: ownerHeader, bucket: request.bucket });
}

/** Something was thrown: the log gets all of it, the client a code. */
function explain(log: RequestLog, trace: RequestTrace, error: unknown): Rejection {
  const rejection = rejectionOf(error);
  if (rejection.rejected === 'InternalError') log.error({ ...trace, err: error }, 'request failed');
  else log.debug({ ...trace, err: error }, 'request refused');
  return rejection;
}

/** Sends the outcome; resolves when a body that is read meanwhile is out. */
function answer(exchange: Exchange, outcome: S3Answer | Rejection, trace: RequestTrace, hostId: string): Promise<void> | undefined {
  const { requestId, method, path } = trace;
  const sent: [string, string][] = [
    ['x-amz-request-id', requestId],
    ['x-amz-id-2', hostId],
  ];
  if (isRejection(outcome)) {
    const { status, headers, body } = errorAnswer(outcome, { method, resource: path, requestId, hostId });
    trace.code = outcome.rejected;
    trace.status = status;
    exchange.send(status, [...sent, ...headers], body);
    return undefined;
  }
  const { status, headers, xml, content, contentLength } = outcome;
  trace.status = status;
  for (const [name, value] of headers) sent.push([name, value]);
  if (xml !== undefined) {
    sent.push(['Content-Type', 'application/xml']);
    exchange.send(status, sent, xmlBytes(xml));
  } else if (content === undefined) {
    exchange.send(status, sent, undefined, contentLength);
  } else if (content.body.whole !== undefined) {
    exchange.send(status, sent, content.body.whole);
  } else {
    return exchange.stream(status, sent, content.length, content.body);
  }
  return undefined;
}
