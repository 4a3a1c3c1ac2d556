import assert from 'node:assert/strict';
import { fuzz } from './fuzzing';

describe('hostile datagrams', function () {
  this.timeout(60_000);

  it('datagram-fuzz: 10,000 before the cookie, behind it and under the keys: none throws, nothing grows, devices are served', () => {
    const { served, handshakes, opened } = fuzz(10_000, 1);
    assert.ok(served >= 20 && handshakes > 1_000 && opened > 2_000, JSON.stringify({ served, handshakes, opened }));
  });
});
