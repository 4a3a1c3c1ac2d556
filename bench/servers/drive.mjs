/** Requests from the server to its devices: as many outstanding as the load generator keeps towards the server. */
import { Histogram } from '../histogram.mjs';

const OUTSTANDING = 64;

/**
 * Calls `ask(device, done)` for one device after the other, for some seconds or `once` for each.
 * Resolves to the same figures as a phase of the generator.
 */
export function drive(devices, { seconds = Number.POSITIVE_INFINITY, once = false }, ask) {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const until = startedAt + seconds * 1000;
    const count = once ? devices.length : Number.POSITIVE_INFINITY;
    const latency = new Histogram();
    let sent = 0;
    let done = 0;
    const next = () => {
      const now = performance.now();
      if (sent < count && now < until) {
        const device = devices[sent++ % devices.length];
        ask(device, () => {
          latency.add(performance.now() - now);
          done++;
          next();
        });
      } else if (done === sent) {
        const took = (now - startedAt) / 1000;
        resolve({ done, lost: sent - done, wrong: 0, reset: 0, seconds: took, rate: done / took, ...latency.summary() });
      }
    };
    for (let place = 0; place < Math.min(OUTSTANDING, devices.length); place++) next();
  });
}
