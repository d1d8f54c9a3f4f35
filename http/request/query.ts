import { decodePercent } from './percent-encoding.ts';

export interface QueryParameter {
  /** Decoded. */
  readonly name: string;
  /** Decoded; '' when there was no `=`. */
  readonly value: string;
}

/** The query of a request, in order of arrival, repeated names kept. Decoded once; `+` stands for a space, as S3 reads it. */
export class Query {
  readonly parameters: readonly QueryParameter[];

  constructor(parameters: readonly QueryParameter[]) {
    this.parameters = parameters;
  }

  /** The first value of a name. */
  get(name: string): string | undefined {
    for (const parameter of this.parameters) if (parameter.name === name) return parameter.value;
    return undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }
}

const empty = new Query([]);

/** undefined: an escape is broken or the bytes are no UTF-8. */
export function parseQuery(raw: string): Query | undefined {
  if (raw === '') return empty;
  const parameters: QueryParameter[] = [];
  for (const piece of raw.split('&')) {
    if (piece === '') continue;
    const equals = piece.indexOf('=');
    const name = decodeField(equals < 0 ? piece : piece.slice(0, equals));
    const value = equals < 0 ? '' : decodeField(piece.slice(equals + 1));
    if (name === undefined || value === undefined) return undefined;
    parameters.push({ name, value });
  }
  return new Query(parameters);
}

/** A name or a value as forms encode them; undefined: an escape is broken or the bytes are no UTF-8. */
export function decodeField(raw: string): string | undefined {
  return decodePercent(raw.includes('+') ? raw.replaceAll('+', ' ') : raw);
}
