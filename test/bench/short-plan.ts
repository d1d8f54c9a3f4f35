/** Plans of runs that take a second. */
import type { BenchPlan, EndpointPlan, ServePlan } from '../../bench/run/plan.ts';
import { serverProgram } from '../support/server.ts';

const credentials = { accessKey: 'liteioadmin', secretKey: 'liteioadmin', region: 'us-east-1' };

export function shortPlan(more: Partial<BenchPlan> & Pick<BenchPlan, 'servers'>): BenchPlan {
  return {
    workloads: ['put', 'get'],
    sizes: ['4KiB'],
    concurrencies: [2],
    limit: { seconds: 0.2, operations: Number.POSITIVE_INFINITY },
    turns: 1,
    objects: 40,
    keyLayout: 'flat',
    payload: 'unsigned',
    checksum: 'none',
    keepAlive: true,
    insecure: false,
    warmUpSeconds: 0,
    seed: 1,
    cleanUp: true,
    bucket: 'bench',
    threads: 1,
    ...more,
  };
}

/** A liteio on four drives, with more flags. */
export function servePlan(name: string, more: readonly string[] = []): ServePlan {
  const flags = ['--drives', '{dir}/drive{1...4}', '--address', '127.0.0.1:{port}', ...more];
  return { kind: 'serve', name, credentials, command: [process.execPath, serverProgram, 'server', ...flags] };
}

export function endpointPlan(name: string, endpoint: string): EndpointPlan {
  return { kind: 'endpoint', name, credentials, endpoint };
}
