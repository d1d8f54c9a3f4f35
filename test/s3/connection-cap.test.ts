/** Idle connections use up no descriptors that drives or other clients need. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { shareDescriptors } from '../../http/descriptors.ts';
import { type CapReport, ConnectionCap } from '../../http/transport/connection-cap.ts';
import { openNodeListener } from '../../http/transport/node-listener.ts';
import { startServer } from '../support/server.ts';

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('at the cap those that never asked go first, then the longest idle; a busy one never', () => {
  const closed: string[] = [];
  const cap = new ConnectionCap<string>({ connectionsMax: 4, close: (name) => closed.push(name), report: () => undefined });
  for (const name of ['busy', 'rested', 'resting', 'silent']) cap.opened(name);
  for (const name of ['busy', 'rested', 'resting']) cap.busy(name);
  for (const name of ['rested', 'resting']) cap.answered(name);
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    assert.equal(cap.opened(name), true);
    cap.busy(name);
    if (name === 'c') break;
  }
  assert.deepEqual(closed, ['silent', 'rested', 'resting']);
  assert.equal(cap.connections, 4);
  assert.equal(cap.opened('late'), false);
  assert.equal(closed.at(-1), 'late', 'where all are busy the new one is closed');
  cap.answered('a');
  assert.equal(cap.opened('later'), true);
  assert.equal(closed.at(-1), 'a');
  cap.end();
});

test('what files and connections may hold is never more than there is; too little is refused with the number that would do', () => {
  for (const drives of [1, 4, 6, 12, 32])
    for (const threads of [0, 1, 2, 4])
      for (const descriptors of [200, 256, 1024, 4096, 1_048_576, Number.POSITIVE_INFINITY]) {
        const shares = shareDescriptors({ descriptors, drives, threads });
        if ('refused' in shares) {
          const wanted = Number(/at least (\d+)/.exec(shares.refused)?.[1]);
          assert.ok(wanted > descriptors);
          assert.ok(!('refused' in shareDescriptors({ descriptors: wanted, drives, threads })), shares.refused);
          continue;
        }
        assert.ok(shares.connectionsMax >= 16 && shares.keptFiles >= 2);
        const files = drives * Math.max(1, threads) * (shares.keptFiles + 3);
        assert.ok(shares.connectionsMax + files + drives * 6 + 32 <= descriptors, JSON.stringify({ drives, threads, descriptors, shares }));
      }
});

test('node: twenty silent connections at a cap of eight: others are served, and it is told once', async () => {
  const reports: CapReport[] = [];
  const listener = await openNodeListener(
    { host: '127.0.0.1', port: 0, tls: undefined, connectionsMax: 8, full: (report) => reports.push(report) },
    async (exchange) => exchange.send(200, [], 'here'),
  );
  const sockets: Socket[] = [];
  let closed = 0;
  const open = async (): Promise<Socket> => {
    const socket = connect(listener.port, '127.0.0.1');
    socket.on('close', () => {
      closed += 1;
    });
    socket.on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  try {
    const kept = await open();
    kept.write('GET /kept HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(String((await once(kept, 'data'))[0]), /^HTTP\/1.1 200/);
    for (let count = 0; count < 20; count += 1) await open();
    await pause(50);
    assert.equal(sockets.length - closed, 8);
    kept.write('GET /again HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(String((await once(kept, 'data'))[0]), /^HTTP\/1.1 200/, 'one that was served before is still there');
    const fresh = await open();
    fresh.write('GET /fresh HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(String((await once(fresh, 'data'))[0]), /^HTTP\/1.1 200/);
    assert.equal(reports.length, 1);
    assert.equal(reports[0]!.connectionsMax, 8);
  } finally {
    for (const socket of sockets) socket.destroy();
    await listener.close(0);
  }
});

test('220 descriptors, 260 idle connections: every request is answered, and no drive is to blame', { timeout: 60_000 }, async () => {
  const server = await startServer({ descriptors: 220 });
  const client = server.client();
  const idle = Array.from({ length: 260 }, () => connect(server.port, '127.0.0.1').on('error', () => undefined));
  try {
    await pause(300);
    await client.send(new CreateBucketCommand({ Bucket: 'crowded' }));
    for (let count = 0; count < 20; count += 1) {
      await client.send(new PutObjectCommand({ Bucket: 'crowded', Key: `k${count}`, Body: Buffer.alloc(100_000, count) }));
      const { Body } = await client.send(new GetObjectCommand({ Bucket: 'crowded', Key: `k${count}` }));
      assert.deepEqual(Buffer.from((await Body?.transformToByteArray()) ?? []), Buffer.alloc(100_000, count));
    }
    assert.match(server.output, /connections are at their limit/);
    assert.doesNotMatch(server.output, /drive suspect|drive offline|EMFILE/);
  } finally {
    for (const socket of idle) socket.destroy();
    await server.stop();
  }
});
