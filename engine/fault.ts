/**
 * Trouble, thrown: nothing is wrong with the command, something is wrong with the house.
 * `unavailable`: drives below quorum or journal away -> SlowDown 503. `overloaded`: a named limit is reached -> SlowDown 503.
 * `full`: too few drives have room for what grows -> SlowDown 503 that says so.
 * `clientGone`: the connection broke while a body was in flight -> nobody to answer. `clientStalled`: nothing more of a body came within its time
 * -> RequestTimeout 400. `internal`: a defect -> InternalError 500.
 */
export type FaultKind = 'unavailable' | 'overloaded' | 'full' | 'clientGone' | 'clientStalled' | 'internal';

export class Fault extends Error {
  override readonly name = 'Fault';
  readonly kind: FaultKind;
  constructor(kind: FaultKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
