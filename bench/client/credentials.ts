/** Who the load generator is: from the command line, the environment or an AWS profile, in the order in which the AWS tools look. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'ini';
import type { Credentials } from './signer.ts';

/** What the command line says of it. */
export interface CredentialFlags {
  readonly accessKey?: string | undefined;
  readonly secretKey?: string | undefined;
  readonly region?: string | undefined;
  /** Of ~/.aws; wins over the environment. */
  readonly profile?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;
type Keys = Omit<Credentials, 'region'>;
type Section = Readonly<Record<string, unknown>>;

const regionByDefault = 'us-east-1';

/** There are no credentials, or half of them, or they are of a kind that isn't read; the message is one line without secrets. */
export class CredentialMistake extends Error {}

/**
 * Keys: flags; the profile that a flag names; LITEIO_ACCESS_KEY and LITEIO_SECRET_KEY; AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
 * AWS_SESSION_TOKEN; the profile AWS_PROFILE or `default`. Region: the flag, AWS_REGION, AWS_DEFAULT_REGION, the profile's, us-east-1.
 * @throws CredentialMistake
 */
export function findCredentials(flags: CredentialFlags, environment: Environment): Credentials {
  const profile = flags.profile ?? (environment.AWS_PROFILE || 'default');
  const keys =
    pair(flags.accessKey, flags.secretKey, '--access-key and --secret-key') ??
    (flags.profile === undefined ? keysOfEnvironment(environment) : undefined) ??
    keysOfProfile(profile, environment);
  if (keys === undefined) {
    throw new CredentialMistake(
      'no credentials: give --access-key and --secret-key, --profile, http://key:secret@host in --endpoint, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    );
  }
  return { ...keys, region: findRegion(flags, environment) };
}

export function findRegion(flags: CredentialFlags, environment: Environment): string {
  const profile = flags.profile ?? (environment.AWS_PROFILE || 'default');
  const named = flags.region || environment.AWS_REGION || environment.AWS_DEFAULT_REGION;
  return named ?? text(readProfile(profile, environment)?.region) ?? regionByDefault;
}

/** Undefined when there is neither. @throws CredentialMistake for half a pair */
export function pair(accessKey: string | undefined, secretKey: string | undefined, names: string): Keys | undefined {
  if (!accessKey && !secretKey) return undefined;
  if (!accessKey || !secretKey) throw new CredentialMistake(`${names} go together: one of them is missing`);
  return { accessKey, secretKey };
}

function keysOfEnvironment(environment: Environment): Keys | undefined {
  const own = pair(environment.LITEIO_ACCESS_KEY, environment.LITEIO_SECRET_KEY, 'LITEIO_ACCESS_KEY and LITEIO_SECRET_KEY');
  if (own !== undefined) return own;
  const names = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
  const keys = pair(environment.AWS_ACCESS_KEY_ID, environment.AWS_SECRET_ACCESS_KEY, names);
  return keys && { ...keys, ...(environment.AWS_SESSION_TOKEN ? { sessionToken: environment.AWS_SESSION_TOKEN } : {}) };
}

/** Undefined when there is no profile `default` and none was asked for. */
function keysOfProfile(name: string, environment: Environment): Keys | undefined {
  const section = readProfile(name, environment);
  if (section === undefined) {
    if (name === 'default') return undefined;
    throw new CredentialMistake(`there is no profile ${name} in ${credentialsFile(environment)} or ${configFile(environment)}`);
  }
  const names = `aws_access_key_id and aws_secret_access_key of the profile ${name}`;
  const keys = pair(text(section.aws_access_key_id), text(section.aws_secret_access_key), names);
  if (keys === undefined) {
    if (name === 'default') return undefined;
    throw new CredentialMistake(
      `the profile ${name} holds no keys; of one with a role, a sign-on or a process, 'aws configure export-credentials' gets them`,
    );
  }
  const sessionToken = text(section.aws_session_token);
  return sessionToken === undefined ? keys : { ...keys, sessionToken };
}

function credentialsFile(environment: Environment): string {
  return environment.AWS_SHARED_CREDENTIALS_FILE || join(homedir(), '.aws/credentials');
}

function configFile(environment: Environment): string {
  return environment.AWS_CONFIG_FILE || join(homedir(), '.aws/config');
}

/** The section of both files, the credentials file's settings first; undefined when neither has it. */
function readProfile(name: string, environment: Environment): Section | undefined {
  const config = readSection(configFile(environment), name === 'default' ? name : `profile ${name}`);
  const credentials = readSection(credentialsFile(environment), name);
  return config === undefined && credentials === undefined ? undefined : { ...config, ...credentials };
}

function readSection(path: string, name: string): Section | undefined {
  let file: string;
  try {
    file = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new CredentialMistake(`cannot read ${path}: ${(error as Error).message}`);
  }
  // A dot in the name of a section makes one section within another.
  let section: unknown = parse(file);
  for (const step of name.split('.')) section = isSection(section) ? section[step] : undefined;
  return isSection(section) ? section : undefined;
}

function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
