import assert from 'node:assert/strict';
import { discoveredTree } from '../../src/device/discovered-tree';
import { Catalogue } from '../../src/device/models/catalogue';
import { Path } from '../../src/device/path';

const model = Catalogue.registry().forDevice({ version: '1.1', versions: { '3303': '1.1' } });
const link = (path: string, attributes: Record<string, string | number | true> = {}) => ({ path, attributes });

describe('the tree of a Discover', () => {
  it('has names, versions, dimensions and attributes where they belong', () => {
    const tree = discoveredTree(
      Path.parse('/3303'),
      [
        link('/3303', { ver: '1.1', pmin: 10 }),
        link('/3303/0', { pmax: 60 }),
        link('/3303/0/5700', { gt: 30, lt: -5.5 }),
        link('/3303/0/6050', { dim: 2 }),
      ],
      model,
    );
    assert.deepEqual(tree, {
      path: '/3303',
      name: 'Temperature',
      version: '1.1',
      attributes: { pmin: 10 },
      children: [
        {
          path: '/3303/0',
          attributes: { pmax: 60 },
          children: [
            { path: '/3303/0/5700', name: 'Sensor Value', attributes: { gt: 30, lt: -5.5 }, children: [] },
            { path: '/3303/0/6050', name: 'Fractional Timestamp', dimension: 2, attributes: {}, children: [] },
          ],
        },
      ],
    });
  });

  it('has what a device left out between two levels (Wakaama lists no /3/0 below /3), in any order of links', () => {
    const tree = discoveredTree(Path.parse('/3'), [link('/3/0/9'), link('/3/0/7/1'), link('/3')], model);
    const [instance] = tree.children;
    assert.deepEqual(
      instance?.children.map(({ path, children }) => [path, children.map((child) => child.path)]),
      [
        ['/3/0/9', []],
        ['/3/0/7', ['/3/0/7/1']],
      ],
    );
  });

  it('has nothing from outside of what was discovered, and a top even without links', () => {
    assert.deepEqual(discoveredTree(Path.parse('/3/0'), [link('/4/0')], model), { path: '/3/0', attributes: {}, children: [] });
  });
});
