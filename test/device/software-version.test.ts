import assert from 'node:assert/strict';
import { compareSoftwareVersions } from '../../src/device/software-version';

describe('versions of software', () => {
  const ORDER = [
    '',
    '0.9',
    '1.0.0-alpha',
    '1.0.0-rc1',
    '1.0.0-rc9',
    '1.0.0-rc10',
    '1.0',
    '1.0a',
    '1.2.3',
    '1.10',
    '2.0-beta',
    '2',
    '2024.03',
  ];

  it('are ordered by their numbers, and releases come after what leads to them', () => {
    for (const [index, version] of ORDER.entries()) {
      for (const later of ORDER.slice(index + 1)) {
        assert.ok(compareSoftwareVersions(version, later) < 0, `${version} < ${later}`);
        assert.ok(compareSoftwareVersions(later, version) > 0, `${later} > ${version}`);
      }
    }
  });

  it('are the same with and without a leading v, trailing zeros and build data', () => {
    for (const [a, b] of [
      ['v1.2', '1.2.0'],
      ['1.2.0+build7', '1.2'],
      ['1.02', '1.2'],
    ] as const) {
      assert.equal(compareSoftwareVersions(a, b), 0, `${a} = ${b}`);
    }
  });

  it('a text of any length costs little', () => {
    assert.equal(compareSoftwareVersions('1.'.repeat(1_000_000), '1.'.repeat(1_000_000)), 0);
  });
});
