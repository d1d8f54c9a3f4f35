#!/usr/bin/env node
/**
 * The `liteio` command. CommonJS for one reason: the thread pool for file operations is sized when it is first used, and loading
 * an ES module uses it already. Four threads, the default, let the syncs of six drives stand in the way of reads.
 */
process.env.UV_THREADPOOL_SIZE ??= '16';
import('./main.js');
