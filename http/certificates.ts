/** A new certificate without a restart: when a signal asks for it, and when the files have changed. */
import type { Clock } from '../engine/clock.ts';
import type { Listener, ListenerOptions } from './transport/listener.ts';

/** Between two looks at the files. */
export const lookMilliseconds = 10_000;

/** The part of a pino logger that is used. */
interface CertificateLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface CertificateParts {
  readonly tls: ListenerOptions['tls'];
  readonly listener: Pick<Listener, 'renewCertificate'>;
  readonly clock: Clock;
  /** Another text when another file is there. */
  fileMark(path: string): Promise<string>;
  readonly log: CertificateLog;
}

export class Certificates {
  readonly #parts: CertificateParts;
  #seen = '';
  #stopLooking: () => void = () => undefined;
  #closed = false;
  /** One after the other: an older reading must not come last. */
  #renewing: Promise<void> = Promise.resolve();

  constructor(parts: CertificateParts) {
    this.#parts = parts;
  }

  /** Looks at the files from now on. */
  async watch(): Promise<void> {
    if (this.#parts.tls === undefined || this.#parts.listener.renewCertificate === undefined) return;
    this.#seen = await this.#look();
    this.#waitForChange();
  }

  /** Takes what the files hold now; where that is no pair, what is in use stays. */
  renew(): Promise<void> {
    return (this.#renewing = this.#renewing.then(() => this.#renew()));
  }

  close(): void {
    this.#closed = true;
    this.#stopLooking();
  }

  async #renew(): Promise<void> {
    const { tls, listener, log } = this.#parts;
    if (tls === undefined || listener.renewCertificate === undefined) {
      log.warn({}, tls === undefined ? 'there is no certificate to read again' : 'this transport takes a new certificate only at a start');
      return;
    }
    this.#seen = await this.#look();
    try {
      await listener.renewCertificate();
      log.info(tls, 'the certificate was read again');
    } catch (error) {
      log.warn({ ...tls, err: error }, "the new certificate can't be used, the one in use stays");
    }
  }

  #waitForChange(): void {
    if (this.#closed) return;
    this.#stopLooking = this.#parts.clock.after(lookMilliseconds, () => {
      this.#renewWhenChanged().then(() => this.#waitForChange());
    });
  }

  async #renewWhenChanged(): Promise<void> {
    if ((await this.#look()) !== this.#seen) await this.renew();
  }

  async #look(): Promise<string> {
    const { tls, fileMark } = this.#parts;
    return tls === undefined ? '' : `${await fileMark(tls.certFile)} ${await fileMark(tls.keyFile)}`;
  }
}
