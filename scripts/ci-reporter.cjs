/**
 * Mocha's own report, and the counts as one line of JSON added to the file that CI_COUNTS names:
 *   CI_COUNTS=counts npm test -- --reporter scripts/ci-reporter.cjs
 */
const { appendFileSync } = require('node:fs');
const { reporters, Runner } = require('mocha');

class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      if (process.env.CI_COUNTS) appendFileSync(process.env.CI_COUNTS, `${JSON.stringify({ passes, failures, pending })}\n`);
    });
  }
}

module.exports = CountingReporter;
