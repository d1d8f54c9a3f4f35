#!/usr/bin/env node
/**
 * The `liteio` command. CommonJS for one reason: the thread pool for file operations is sized when it is first used, and loading
 * an ES module uses it already. Four threads, the default, let the syncs of six drives stand in the way of reads, and a call into a drive
 * that hangs keeps its thread: each drive has a share, so that there are some left however many hang. An idle one costs some 12 KiB.
 */
process.env.UV_THREADPOOL_SIZE ??= '128';
// Somebody else's SIGUSR1 would open Node's debugger, and with it everything, to whoever can reach a local port. A handler of one's own takes its place.
process.on('SIGUSR1', () => undefined);
// Buffers of less than half of this come from a shared piece: bodies of a few KiB are copied a few times on their way, and a piece of memory of
// its own costs several times what copying four KiB does.
Buffer.poolSize = 64 * 1024;
// @ts-expect-error: `bundle.mjs` makes it of main.ts and all that it imports, after the compiler.
import('../start/main.js');
