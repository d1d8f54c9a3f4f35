/**
 * The one reader of environment, flags and configuration file. A flag wins over its LITEIO_ variable, that over the file,
 * that over the default. What comes out is checked: everything that can be refused without touching a drive is refused here.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';

/** Why a start is refused, in one line for people. Exit code 2. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused';
}

export type TransportChoice = 'auto' | 'uws' | 'node';
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type JournalChoice =
  | { readonly kind: 'embedded' }
  /** A nats-server found on PATH, started and watched by us. */
  | { readonly kind: 'supervised' }
  | NatsJournal;

/** A NATS server, or cluster, of somebody's own. */
export interface NatsJournal {
  readonly kind: 'nats';
  /** One or several by comma. */
  readonly url: string;
  readonly credentialsFile: string | undefined;
  /** URL with a user of the system account, or monitoring ports: either tells whether the server syncs what it acknowledges. */
  readonly systemUrl: string | undefined;
  readonly monitoringUrls: readonly string[] | undefined;
}

export interface ServerConfig {
  /** Directories, absolute, each once, in the order given: the place in this list is the drive's slot on a fresh deployment. */
  readonly drives: readonly string[];
  /** Parity shards of a stripe; undefined: by number of drives on a fresh deployment, as formatted on an old one. */
  readonly parity: number | undefined;
  readonly host: string;
  readonly port: number;
  readonly accessKey: string;
  readonly secretKey: string;
  /** The well-known keys are in use. */
  readonly defaultCredentials: boolean;
  readonly region: string;
  /** Domain whose subdomains are bucket names; undefined: path style only. */
  readonly domain: string | undefined;
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly journal: JournalChoice;
  /** Serve although the NATS server may lose acknowledged records in a power cut. */
  readonly journalUnsafe: boolean;
  /** Where programs are looked for: PATH. */
  readonly searchPath: string;
  /** Worker threads for hashing, coding and drive I/O; 0: all in the main thread. */
  readonly threads: number;
  /** Threads for calls into the file system, for all of the process. */
  readonly poolThreads: number;
  /** Bodies up to this many bytes ride in the journal record. */
  readonly inlineBytesMax: number;
  /** Requests under way at once; the next one is answered SlowDown. */
  readonly requestsMax: number;
  readonly transport: TransportChoice;
  readonly logLevel: LogLevel;
}

export interface Setting {
  /** Long flag without dashes; the key in the configuration file. The variable is LITEIO_ and this in capitals. */
  readonly name: string;
  /** How the value is called in the help; undefined: a switch. */
  readonly value: string | undefined;
  readonly about: string;
  readonly fallback?: string;
  /** May be given several times. */
  readonly many?: true;
}

const defaultKey = 'liteioadmin';
const inlineBytesCeiling = 256 * 1024;
const requestsCeiling = 65_536;
const threadsCeiling = 64;
/** What Node.js takes by itself. */
const poolThreadsOfNode = 4;

/** Every setting of `liteio server`, in the order of the help. */
export const settings: readonly Setting[] = [
  { name: 'drives', value: 'paths', about: 'directories to store in, by comma; {1...6} counts; may be repeated', many: true },
  { name: 'parity', value: 'count', about: 'drives of an erasure set that may be lost (default: by number of drives)' },
  { name: 'address', value: 'host:port', about: 'where to listen; port 0 takes a free one', fallback: '127.0.0.1:9000' },
  { name: 'access-key', value: 'key', about: 'root access key', fallback: defaultKey },
  { name: 'secret-key', value: 'key', about: 'root secret key (better given as LITEIO_SECRET_KEY)', fallback: defaultKey },
  { name: 'region', value: 'name', about: 'region that signatures must name, beside us-east-1', fallback: 'us-east-1' },
  { name: 'domain', value: 'name', about: 'serve virtual-host style requests to <bucket>.<name> too' },
  { name: 'tls-cert', value: 'file', about: 'certificate chain, PEM' },
  { name: 'tls-key', value: 'file', about: 'private key, PEM' },
  { name: 'journal', value: 'kind', about: 'embedded, nats (starts nats-server from PATH) or a nats:// URL', fallback: 'embedded' },
  { name: 'journal-credentials', value: 'file', about: 'NATS .creds file, in place of credentials in the URL' },
  { name: 'journal-system', value: 'url', about: 'nats:// URL with a user of the system account, to verify how the server syncs' },
  { name: 'journal-monitor', value: 'urls', about: 'or monitoring ports, http://host:8222 for each server, to verify it by' },
  { name: 'journal-unsafe', value: undefined, about: 'accept a NATS server that acknowledges before its data is on the medium' },
  { name: 'threads', value: 'count', about: 'worker threads for hashing, coding and drives; 0: none (default: by processors, 4 at most)' },
  { name: 'inline-limit', value: 'bytes', about: 'objects up to this size are stored in the journal', fallback: '8192' },
  { name: 'max-requests', value: 'count', about: 'requests under way at once, SlowDown beyond', fallback: '1024' },
  { name: 'transport', value: 'kind', about: 'auto, uws or node', fallback: 'auto' },
  { name: 'log-level', value: 'level', about: 'trace, debug, info, warn, error or silent', fallback: 'info' },
];

export function variableOf(setting: string): string {
  return `LITEIO_${setting.toUpperCase().replaceAll('-', '_')}`;
}

/** Flags as the command line has them, by setting name: a text, a list of texts for a repeated flag, true for a switch. */
export type Flags = Readonly<Record<string, string | readonly string[] | boolean | undefined>>;

/** @throws StartRefused */
export function readServerConfig(flags: Flags, environment: NodeJS.ProcessEnv = process.env): ServerConfig {
  const given = collect(flags, environment);
  const text = (name: string) => given.get(name) ?? { value: fallbackOf(name), from: 'default' };
  const optional = (name: string) => given.get(name);
  const { host, port } = parseAddress(text('address'));
  const accessKey = parseKey(text('access-key'), 'an access key', 3, 128);
  const secretKey = parseKey(text('secret-key'), 'a secret key', 8, 128);
  const defaultCredentials = accessKey === defaultKey && secretKey === defaultKey;
  if (secretKey === defaultKey && !isLoopback(host)) {
    throw new StartRefused(
      `the default secret key is refused on ${host}: set LITEIO_ACCESS_KEY and LITEIO_SECRET_KEY, or listen on 127.0.0.1`,
    );
  }
  const parity = optional('parity');
  const domain = optional('domain');
  const threads = optional('threads');
  return {
    drives: parseDrives(optional('drives')),
    parity: parity && parseInteger(parity, 0, 128),
    host,
    port,
    accessKey,
    secretKey,
    defaultCredentials,
    region: parseName(text('region'), /^[a-z0-9]+(-[a-z0-9]+)*$/, 'a region name'),
    domain: domain && parseName(domain, /^[a-z0-9-]+(\.[a-z0-9-]+)*$/, 'a domain name in lower case'),
    tls: parseTls(optional('tls-cert'), optional('tls-key')),
    journal: parseJournal(text('journal'), optional),
    journalUnsafe: parseSwitch(optional('journal-unsafe')),
    searchPath: environment.PATH ?? '',
    poolThreads: Number(environment.UV_THREADPOOL_SIZE) || poolThreadsOfNode,
    threads: threads ? parseInteger(threads, 0, threadsCeiling) : Math.min(4, availableParallelism()),
    inlineBytesMax: parseInteger(text('inline-limit'), 0, inlineBytesCeiling),
    requestsMax: parseInteger(text('max-requests'), 1, requestsCeiling),
    transport: parseChoice(text('transport'), ['auto', 'uws', 'node']),
    logLevel: parseChoice(text('log-level'), ['trace', 'debug', 'info', 'warn', 'error', 'silent']),
  };
}

/** A value and where it was given: `--parity`, `LITEIO_PARITY`, `parity in liteio.json`. */
interface Given {
  readonly value: string;
  readonly from: string;
}

function fallbackOf(name: string): string {
  return settings.find((setting) => setting.name === name)?.fallback ?? '';
}

function collect(flags: Flags, environment: NodeJS.ProcessEnv): Map<string, Given> {
  const given = new Map<string, Given>();
  const configFile = flags.config ?? environment.LITEIO_CONFIG;
  const file = typeof configFile === 'string' && configFile !== '' ? readConfigFile(configFile) : new Map<string, Given>();
  for (const { name } of settings) {
    const flag = flags[name];
    const variable = environment[variableOf(name)];
    const fromFile = file.get(name);
    if (flag !== undefined) given.set(name, { value: Array.isArray(flag) ? flag.join(',') : String(flag), from: `--${name}` });
    else if (variable !== undefined && variable !== '') given.set(name, { value: variable, from: variableOf(name) });
    else if (fromFile !== undefined) given.set(name, fromFile);
  }
  return given;
}

function readConfigFile(path: string): Map<string, Given> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new StartRefused(`cannot read the configuration file ${path}: ${(error as Error).message}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new StartRefused(`the configuration file ${path} must hold one JSON object`);
  }
  const given = new Map<string, Given>();
  for (const [name, value] of Object.entries(parsed)) {
    if (!settings.some((setting) => setting.name === name)) throw new StartRefused(`${path}: unknown setting '${name}'`);
    if (!isSettingValue(value)) throw new StartRefused(`${path}: '${name}' must be a text, a number, true or false, or a list of texts`);
    given.set(name, { value: Array.isArray(value) ? value.join(',') : String(value), from: `${name} in ${path}` });
  }
  return given;
}

function isSettingValue(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((item) => typeof item === 'string');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function refuse(given: Given, must: string): never {
  throw new StartRefused(`${given.from} must be ${must}, not '${given.value}'`);
}

function parseInteger(given: Given, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(given.value) ? Number(given.value) : -1;
  if (value < least || value > most) refuse(given, `a whole number from ${least} to ${most}`);
  return value;
}

function parseChoice<Choice extends string>(given: Given, choices: readonly Choice[]): Choice {
  const choice = choices.find((candidate) => candidate === given.value);
  return choice ?? refuse(given, `one of ${choices.join(', ')}`);
}

function parseName(given: Given, pattern: RegExp, what: string): string {
  if (given.value.length > 253 || !pattern.test(given.value)) refuse(given, what);
  return given.value;
}

function parseKey(given: Given, what: string, least: number, most: number): string {
  const fits = given.value.length >= least && given.value.length <= most && /^[\x21-\x7e]+$/.test(given.value);
  // The value itself stays out of the message: it is a secret.
  if (!fits || (least === 3 && /[/,=]/.test(given.value))) {
    throw new StartRefused(
      `${given.from} must be ${what} of ${least} to ${most} visible ASCII characters${least === 3 ? ' without / , =' : ''}`,
    );
  }
  return given.value;
}

function parseSwitch(given: Given | undefined): boolean {
  if (given === undefined || given.value === 'false' || given.value === '0') return false;
  if (given.value === 'true' || given.value === '1') return true;
  return refuse(given, 'true or false');
}

function parseAddress(given: Given): { host: string; port: number } {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(given.value);
  const port = Number(parts?.[3] ?? -1);
  if (!parts || port < 0 || port > 65_535) refuse(given, 'host:port, such as 127.0.0.1:9000 or [::1]:9000');
  const host = parts[1] ?? parts[2] ?? '';
  return { host: host === '' ? '0.0.0.0' : host, port };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function parseTls(cert: Given | undefined, key: Given | undefined): ServerConfig['tls'] {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw new StartRefused('TLS needs both --tls-cert and --tls-key');
  return { certFile: resolve(cert.value), keyFile: resolve(key.value) };
}

function parseJournal(given: Given, optional: (name: string) => Given | undefined): JournalChoice {
  if (given.value === 'embedded') return { kind: 'embedded' };
  if (given.value === 'nats') return { kind: 'supervised' };
  const credentials = optional('journal-credentials');
  return {
    kind: 'nats',
    url: parseUrls(given, ['nats:', 'tls:'], 'embedded, nats or a URL such as nats://127.0.0.1:4222').join(','),
    credentialsFile: credentials && resolve(credentials.value),
    systemUrl: optionalUrls(optional('journal-system'), ['nats:', 'tls:'])?.join(','),
    monitoringUrls: optionalUrls(optional('journal-monitor'), ['http:', 'https:']),
  };
}

function optionalUrls(given: Given | undefined, protocols: readonly string[]): string[] | undefined {
  return given && parseUrls(given, protocols, `a URL that begins with ${protocols.join('// or ')}//`);
}

function parseUrls(given: Given, protocols: readonly string[], must: string): string[] {
  const urls = given.value.split(',').map((url) => url.trim());
  const fit = urls.every((url) => URL.canParse(url) && protocols.includes(new URL(url).protocol) && new URL(url).hostname !== '');
  // The value may hold a password: it is not repeated.
  if (!fit) throw new StartRefused(`${given.from} must be ${must}`);
  return urls;
}

const drivesMax = 256;

function parseDrives(given: Given | undefined): string[] {
  if (given === undefined) throw new StartRefused("no drives: give directories with --drives, e.g. --drives './data/drive{1...6}'");
  const paths = given.value
    .split(',')
    .map((path) => path.trim())
    .filter((path) => path !== '')
    .flatMap((path) => expand(path, given))
    .map((path) => resolve(path));
  if (paths.length === 0 || paths.length > drivesMax) refuse(given, `1 to ${drivesMax} directories`);
  const twice = paths.find((path, at) => paths.indexOf(path) !== at);
  if (twice !== undefined) throw new StartRefused(`${given.from}: the drive ${twice} is named twice`);
  return paths;
}

/** `a{1...3}` -> a1 a2 a3; `{01...12}` keeps the width; several patterns multiply, the last one counting fastest. */
function expand(pattern: string, given: Given): string[] {
  const found = /\{(\d{1,6})\.\.\.(\d{1,6})\}/.exec(pattern);
  if (!found) {
    if (/[{}]/.test(pattern)) refuse(given, 'directories, with patterns like {1...6}');
    return [pattern];
  }
  const [whole, first = '', last = ''] = found;
  const count = Number(last) - Number(first) + 1;
  if (count < 1 || count > drivesMax) refuse(given, `a pattern of 1 to ${drivesMax} directories`);
  const width = first.startsWith('0') ? first.length : 0;
  const before = pattern.slice(0, found.index);
  const rest = expand(pattern.slice(found.index + whole.length), given);
  return Array.from({ length: count }, (_, at) => before + String(Number(first) + at).padStart(width, '0')).flatMap((head) =>
    rest.map((tail) => head + tail),
  );
}

export async function checkTls({ tls }: ServerConfig): Promise<void> {
  if (tls === undefined) return;
  const cert = readGivenFile(tls.certFile, 'certificate');
  const key = readGivenFile(tls.keyFile, 'private key');
  // Loaded where it is used: most starts do without, and it takes a while.
  const { createSecureContext } = await import('node:tls');
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new StartRefused(`the certificate ${tls.certFile} and the key ${tls.keyFile} don't make a pair: ${(error as Error).message}`);
  }
}

export function readGivenFile(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new StartRefused(`cannot read the ${what}: ${(error as Error).message}`);
  }
}

/** Where clients on this machine reach the server. */
export function endpointOf({ host, tls }: ServerConfig, port: number): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${tls ? 'https' : 'http'}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
