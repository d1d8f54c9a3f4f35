/** `--endpoint` and `--serve`: which servers a run is about, and who it is to them. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type CredentialFlags, findCredentials, findRegion, pair } from '../client/credentials.ts';
import type { Credentials } from '../client/signer.ts';
import type { EndpointPlan, ServePlan, ServerPlan } from '../run/plan.ts';
import { Misuse } from './misuse.ts';
import { splitCommand } from './split-command.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** `--endpoint` or `--serve` as it was given. */
export interface ServerOption {
  readonly kind: 'endpoint' | 'serve';
  readonly text: string;
  /** Among all of both: their order is the order of the servers. */
  readonly place: number;
}

/** The variables that tell a started server its keys and region: whichever of them it knows. */
export const keyVariables = {
  accessKey: ['LITEIO_ACCESS_KEY', 'MINIO_ROOT_USER', 'ROOT_ACCESS_KEY', 'RUSTFS_ACCESS_KEY', 'AWS_ACCESS_KEY_ID'],
  secretKey: ['LITEIO_SECRET_KEY', 'MINIO_ROOT_PASSWORD', 'ROOT_SECRET_KEY', 'RUSTFS_SECRET_KEY', 'AWS_SECRET_ACCESS_KEY'],
  region: ['LITEIO_REGION', 'MINIO_SITE_REGION', 'AWS_REGION'],
} as const;

const ownServer = 'liteio=liteio server --drives {dir}/drive{1...6} --address 127.0.0.1:{port}';
const ownProgram = fileURLToPath(new URL('../../http/liteio.cjs', import.meta.url));

/** With none given, a liteio of this installation. @throws Misuse, CredentialMistake */
export function planServers(options: readonly ServerOption[], flags: CredentialFlags, environment: Environment): ServerPlan[] {
  const given: readonly ServerOption[] =
    options.length === 0 ? [{ kind: 'serve', text: ownServer, place: 0 }] : options.toSorted((a, b) => a.place - b.place);
  const own = startedAs(flags, environment);
  const servers = given.map(({ kind, text }) => (kind === 'endpoint' ? planEndpoint(text, flags, environment) : planServe(text, own)));
  const names = servers.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Misuse(`two servers are called ${twice}: give them names, as in --endpoint 'first=URL'`);
  return servers;
}

/** All that may not be shown of them. */
export function secretsOf(servers: readonly ServerPlan[]): string[] {
  const secrets = servers.flatMap(({ credentials }) => [credentials.secretKey, credentials.sessionToken ?? '']);
  return [...new Set(secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]))].filter((secret) => secret !== '');
}

/** The arguments of a command line without what they hold of secrets. */
export function hideSecrets(args: readonly string[], secrets: readonly string[]): string[] {
  return args.map((arg) => secrets.reduce((text, secret) => text.replaceAll(secret, '***'), withoutUserInfo(arg)));
}

function withoutUserInfo(text: string): string {
  return text.replace(/(\w+:\/\/)\S*@/, '$1***@');
}

function planEndpoint(text: string, flags: CredentialFlags, environment: Environment): EndpointPlan {
  const { name, rest } = named(text, /^https?:/);
  const shown = withoutUserInfo(rest);
  const url = URL.canParse(rest) ? new URL(rest) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw new Misuse(`--endpoint must be a URL with http or https, not '${shown}'`);
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new Misuse(`--endpoint must end behind the host and port, not '${shown}'`);
  }
  const keys = pair(decode(url.username, shown), decode(url.password, shown), `the access key and the secret key in '${shown}'`);
  const credentials = keys === undefined ? findCredentials(flags, environment) : { ...keys, region: findRegion(flags, environment) };
  return { kind: 'endpoint', name: name ?? url.host, endpoint: url.origin, credentials };
}

function planServe(text: string, credentials: Credentials): ServePlan {
  const { name, rest } = named(text, /^(?!)/);
  const words = splitCommand(rest);
  const [program] = words;
  if (name === undefined || program === undefined) throw new Misuse(`--serve must be name=command, not '${text}'`);
  if (!words.some((word) => word.includes('{port}'))) {
    throw new Misuse(`the command of --serve ${name} must say {port} where the server is to listen`);
  }
  const open = words.find((word) => /\{dir(?!\})|\{port\d*(?![\d}])/.test(word));
  if (open !== undefined) throw new Misuse(`the command of --serve ${name} has something like {dir} or {port} that is neither: ${open}`);
  const filled = words.map((word) =>
    word.replaceAll('{access-key}', credentials.accessKey).replaceAll('{secret-key}', credentials.secretKey),
  );
  const command = program === 'liteio' ? [process.execPath, ownProgram, ...filled.slice(1)] : filled;
  const told = (variables: readonly string[], value: string) => variables.map((variable) => [variable, value] as const);
  const variables = [
    ...told(keyVariables.accessKey, credentials.accessKey),
    ...told(keyVariables.secretKey, credentials.secretKey),
    ...told(keyVariables.region, credentials.region),
  ];
  return { kind: 'serve', name, command, environment: Object.fromEntries(variables), credentials };
}

/** The keys of a server that is started here are nobody else's: never those of a profile or of the environment. */
function startedAs(flags: CredentialFlags, environment: Environment): Credentials {
  const given = pair(flags.accessKey, flags.secretKey, '--access-key and --secret-key');
  const keys = given ?? { accessKey: `bench${randomBytes(8).toString('hex')}`, secretKey: randomBytes(20).toString('hex') };
  return { ...keys, region: flags.region || environment.LITEIO_REGION || 'us-east-1' };
}

/** `name=rest`; the name is missing where the text is `bare` already. */
function named(text: string, bare: RegExp): { readonly name: string | undefined; readonly rest: string } {
  const equals = text.indexOf('=');
  if (equals < 0 || bare.test(text)) return { name: undefined, rest: text };
  const name = text.slice(0, equals).trim();
  if (!/^[\w.:-]{1,64}$/.test(name))
    throw new Misuse(`a server's name must be letters, digits, '.', ':', '_' and '-', not '${withoutUserInfo(name)}'`);
  return { name, rest: text.slice(equals + 1) };
}

function decode(part: string, shown: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Misuse(`the keys in '${shown}' are not percent-encoded`);
  }
}
