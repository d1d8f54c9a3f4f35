/** A client that sends exactly the bytes it is told to, when it is told to, and sees exactly what comes back. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';

export interface RawAnswer {
  readonly status: number;
  /** In order, names in lower case, values as UTF-8. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  header(name: string): string | undefined;
  readonly body: Buffer;
}

const answerMillisecondsMax = 15_000;

export class RawSocket {
  readonly socket: Socket;
  /** Why the connection broke; undefined while it lives and when it ended in order. */
  brokenBy: string | undefined;
  closed = false;
  /** Joined only when looked at. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #ended = false;
  #changed: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      this.#pieces.push(bytes);
      this.#pieceBytes += bytes.length;
      this.#wake();
    });
    socket.on('end', () => {
      this.#ended = true;
      this.#wake();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.brokenBy = error.code ?? error.message;
      this.#wake();
    });
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  static async open(port: number): Promise<RawSocket> {
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    return new RawSocket(socket);
  }

  /** Whatever certificate the server shows is taken. */
  static async openSecure(port: number): Promise<RawSocket> {
    const socket = connectSecurely({ port, host: '127.0.0.1', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return new RawSocket(socket);
  }

  /** Characters are bytes (latin-1). */
  write(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Resolves when the operating system has taken the last byte; rejects when the connection breaks before. */
  deliver(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  async trickle(bytes: string, pieceBytes: number, milliseconds: number): Promise<void> {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      this.write(bytes.slice(at, at + pieceBytes));
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
    }
  }

  /** What has come and was not taken by `answer`. */
  get received(): Buffer {
    const joined = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = [joined];
    return joined;
  }

  get receivedBytes(): number {
    return this.#pieceBytes;
  }

  /** The next answer, 100 Continue included. Rejects when the connection closes before it is complete. */
  async answer(toHead = false): Promise<RawAnswer> {
    await this.until(() => this.received.includes(endOfHead));
    const end = this.received.indexOf(endOfHead);
    const [first = '', ...lines] = this.received.subarray(0, end).toString('utf8').split('\r\n');
    const headers = lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    });
    const header = (name: string) => headers.find(([each]) => each === name)?.[1];
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
    const bodyless = toHead || status < 200 || status === 204 || status === 304;
    const declared = header('content-length');
    if (!bodyless && declared === undefined) await this.#untilClosed();
    const length = bodyless ? 0 : Number(declared ?? this.#pieceBytes - end - 4);
    await this.until(() => this.#pieceBytes >= end + 4 + length);
    const body = this.received.subarray(end + 4, end + 4 + length);
    this.#pieces = [this.received.subarray(end + 4 + length)];
    this.#pieceBytes -= end + 4 + length;
    return { status, headers, header, body };
  }

  /** Rejects when the connection ends first. */
  async until(reached: () => boolean): Promise<void> {
    const deadline = Date.now() + answerMillisecondsMax;
    while (!reached()) {
      if (this.#ended || this.closed || this.brokenBy !== undefined) {
        throw new Error(
          `closed (${this.brokenBy ?? 'in order'}) after ${JSON.stringify(this.received.subarray(0, 300).toString('latin1'))}`,
        );
      }
      if (Date.now() > deadline)
        throw new Error(`nothing more came after ${JSON.stringify(this.received.subarray(0, 300).toString('latin1'))}`);
      await this.#change(1000);
    }
  }

  /** True once the server has closed its side or broken the connection; false if it hasn't within the time. */
  async endsWithin(milliseconds: number): Promise<boolean> {
    const deadline = Date.now() + milliseconds;
    while (!this.#ended && !this.closed && this.brokenBy === undefined) {
      if (Date.now() >= deadline) return false;
      await this.#change(deadline - Date.now());
    }
    return true;
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** A body without a length goes on to the end of the connection. */
  async #untilClosed(): Promise<void> {
    if (!(await this.endsWithin(answerMillisecondsMax))) throw new Error('an answer without a length did not end');
  }

  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#changed = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #wake(): void {
    this.#changed?.();
  }
}

const endOfHead = Buffer.from('\r\n\r\n');
