/**
 * Runs a Ceph cluster of one monitor, one manager, one OSD and one S3 gateway in an empty directory, on loopback, as children of this
 * process, until SIGTERM: `node radosgw-cluster.js <directory> <S3 port> <monitor port>`. The keys of the S3 user are in the environment
 * (RADOSGW_ACCESS_KEY, RADOSGW_SECRET_KEY). The gateway is started last, so that whoever reaches its port finds everything there.
 * What is set beside paths and ports is what a cluster of one OSD needs to accept writes; all else is as Ceph has it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gibibyte } from '../workload/sizes.ts';

const run = promisify(execFile);

/** Sparse. */
const blockFileBytes = 32 * gibibyte;
const stepMillisecondsMax = 60_000;
const stopMillisecondsMax = 20_000;

interface ClusterPlan {
  readonly directory: string;
  readonly gatewayPort: number;
  readonly monitorPort: number;
  readonly accessKey: string;
  readonly secretKey: string;
}

function configuration(plan: ClusterPlan, clusterId: string): string {
  const { directory } = plan;
  return [
    '[global]',
    `fsid = ${clusterId}`,
    `mon host = v2:127.0.0.1:${plan.monitorPort}`,
    `keyring = ${directory}/keyring`,
    'public addr = 127.0.0.1',
    'cluster addr = 127.0.0.1',
    'ms bind msgr1 = false',
    `run dir = ${directory}`,
    `admin socket = ${directory}/$name.asok`,
    'pid file =',
    `log file = ${directory}/$name.log`,
    'osd pool default size = 1',
    'osd pool default min size = 1',
    'osd pool default pg num = 32',
    'osd pool default pg autoscale mode = off',
    'mon allow pool size one = true',
    'mon max pg per osd = 1000',
    'osd crush chooseleaf type = 0',
    '[mon]',
    `mon data = ${directory}/mon`,
    '[mgr]',
    `mgr data = ${directory}/mgr`,
    '[osd]',
    `osd data = ${directory}/osd`,
    `bluestore block size = ${blockFileBytes}`,
    '[client]',
    `rgw data = ${directory}/rgw`,
    `rgw frontends = beast endpoint=127.0.0.1:${plan.gatewayPort}`,
    '',
  ].join('\n');
}

/** Who speaks in the cluster, and what each may. */
const entities: readonly (readonly [name: string, ...capabilities: string[]])[] = [
  ['mon.', 'mon', 'allow *'],
  ['client.admin', 'mon', 'allow *', 'osd', 'allow *', 'mgr', 'allow *'],
  ['mgr.x', 'mon', 'allow profile mgr', 'osd', 'allow *'],
  ['osd.0', 'mon', 'allow profile osd', 'mgr', 'allow profile osd', 'osd', 'allow *'],
  ['client.rgw', 'mon', 'allow rw', 'osd', 'allow rwx', 'mgr', 'allow rw'],
];

function keyArguments([name, ...capabilities]: readonly [string, ...string[]]): string[] {
  const caps: string[] = [];
  for (let at = 0; at < capabilities.length; at += 2) caps.push('--cap', capabilities[at] ?? '', capabilities[at + 1] ?? '');
  return ['--gen-key', '-n', name, ...caps];
}

class Cluster {
  readonly #plan: ClusterPlan;
  readonly #ceph: readonly string[];
  /** In the order of their start. */
  readonly #daemons: ChildProcess[] = [];
  readonly #stop = new AbortController();

  constructor(plan: ClusterPlan) {
    this.#plan = plan;
    this.#ceph = ['-c', join(plan.directory, 'ceph.conf')];
  }

  async start(): Promise<void> {
    const { directory, monitorPort, accessKey, secretKey } = this.#plan;
    const clusterId = randomUUID();
    const driveId = randomUUID();
    console.log(`Ceph: monitor, manager, OSD and S3 gateway in ${directory}`);
    for (const part of ['mon', 'mgr', 'osd', 'rgw']) await mkdir(join(directory, part), { recursive: true });
    await writeFile(join(directory, 'ceph.conf'), configuration(this.#plan, clusterId));
    await this.#makeKeys();
    const map = join(directory, 'monmap');
    await this.#step('monmaptool', ['--create', '--fsid', clusterId, '--addv', 'a', `[v2:127.0.0.1:${monitorPort}]`, map]);
    await this.#step('ceph-mon', [...this.#ceph, '-i', 'a', '--mkfs', '--monmap', map, '--keyring', join(directory, 'keyring')]);
    this.#daemon('ceph-mon', ['-i', 'a']);
    await this.#step('ceph', [...this.#ceph, 'osd', 'new', driveId]);
    await this.#step('ceph-osd', [...this.#ceph, '-i', '0', '--mkfs', '--osd-uuid', driveId]);
    this.#daemon('ceph-osd', ['-i', '0']);
    this.#daemon('ceph-mgr', ['-i', 'x']);
    const keys = [`--access-key=${accessKey}`, `--secret-key=${secretKey}`];
    await this.#step('radosgw-admin', [...this.#ceph, 'user', 'create', '--uid=bench', '--display-name=bench', ...keys]);
    this.#daemon('radosgw', ['-n', 'client.rgw']);
  }

  /** The gateway first, the monitor last. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const daemon of [...this.#daemons].reverse()) await stopped(daemon);
  }

  async #makeKeys(): Promise<void> {
    const keyring = join(this.#plan.directory, 'keyring');
    await writeFile(keyring, '', { mode: 0o600 });
    for (const entity of entities) await this.#step('ceph-authtool', [keyring, ...keyArguments(entity)]);
  }

  async #step(program: string, args: readonly string[]): Promise<void> {
    await run(program, args, { timeout: stepMillisecondsMax, signal: this.#stop.signal });
  }

  #daemon(program: string, args: readonly string[]): void {
    this.#stop.signal.throwIfAborted();
    const child = spawn(program, [...this.#ceph, ...args, '-f'], { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#daemons.push(child);
    child.once('error', (error) => this.#ended(`${program}: ${error.message}`));
    child.once('exit', (code, signal) => this.#ended(`${program} ended with ${code ?? signal}`));
  }

  #ended(how: string): void {
    if (this.#stop.signal.aborted) return;
    console.error(`${how}; its log is in ${this.#plan.directory}`);
    process.exitCode = 1;
    void this.stop();
  }
}

function stopped(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const late = setTimeout(() => child.kill('SIGKILL'), stopMillisecondsMax);
    child.once('exit', () => {
      clearTimeout(late);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

function planned(): ClusterPlan {
  const [, , directory, gatewayPort, monitorPort] = process.argv;
  const { RADOSGW_ACCESS_KEY: accessKey, RADOSGW_SECRET_KEY: secretKey } = process.env;
  if (directory === undefined || gatewayPort === undefined || monitorPort === undefined || !accessKey || !secretKey)
    throw new Error('RADOSGW_ACCESS_KEY=… RADOSGW_SECRET_KEY=… radosgw-cluster.js <directory> <S3 port> <monitor port>');
  return { directory, gatewayPort: Number(gatewayPort), monitorPort: Number(monitorPort), accessKey, secretKey };
}

const cluster = new Cluster(planned());
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void cluster.stop());
try {
  await cluster.start();
} catch (error) {
  if ((error as Error).name !== 'AbortError') {
    console.error(error);
    process.exitCode = 1;
  }
  await cluster.stop();
}
