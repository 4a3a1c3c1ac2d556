/** Loaded into the Node-RED process of flow.mjs: says how long its event loop was held up, and what it holds. */
const { monitorEventLoopDelay } = require('node:perf_hooks');

const RESOLUTION_MS = 1;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
const milliseconds = (nanoseconds) => Number((nanoseconds / 1e6 - RESOLUTION_MS).toFixed(2));

const answers = {
  start() {
    delay.reset();
    delay.enable();
    return process.memoryUsage();
  },
  stop() {
    delay.disable();
    return {
      delay: { p50: milliseconds(delay.percentile(50)), p99: milliseconds(delay.percentile(99)), max: milliseconds(delay.max) },
      memory: process.memoryUsage(),
    };
  },
};

process.on('message', ({ id, command }) => process.send({ id, result: answers[command]() }));
process.channel?.unref();
