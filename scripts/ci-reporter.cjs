/**
 * Mocha's own report, and the counts as one line of JSON added to the file that CI_COUNTS names:
 *   CI_COUNTS=counts npm test -- --reporter scripts/ci-reporter.cjs
 */
const { appendFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

/** A run that has ended and still does not exit has left a socket or a process behind: that is a failure, not a reason to wait. */
const LINGER_MS = 20_000;

class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      if (process.env.CI_COUNTS) appendFileSync(process.env.CI_COUNTS, `${JSON.stringify({ passes, failures, pending })}\n`);
      setTimeout(() => {
        process.stderr.write(`Still running ${LINGER_MS / 1000} s after the last test: something was left open.\n`);
        process.exit(1);
      }, LINGER_MS).unref();
    });
  }
}

module.exports = CountingReporter;
