import assert from 'node:assert/strict';
import type { Registration } from '../../../src/device/manager';
import { imageUrls, type Places } from '../../../src/fleet/firmware/image-urls';

const ALL = [
  { transport: 'udp', port: 5683 },
  { transport: 'dtls', port: 5684 },
  { transport: 'tcp', port: 15_683 },
  { transport: 'tls', port: 15_684 },
];

function places(changes: Partial<Places> = {}): Places {
  return { listening: () => ALL, hostFor: async () => '192.168.1.2', httpBase: () => undefined, ...changes };
}

const device = (security: Registration['security'], address = '192.168.1.20:56830') =>
  ({ security, address }) as unknown as Registration;

describe('URLs of an image', () => {
  it('a device without security gets those without', async () => {
    assert.deepEqual(await imageUrls(places(), 'abc', device('none')), {
      coap: 'coap://192.168.1.2/fw/abc',
      'coap+tcp': 'coap+tcp://192.168.1.2:15683/fw/abc',
    });
  });

  it('a secured device is not sent where nothing is encrypted', async () => {
    for (const security of ['psk', 'rpk', 'x509'] as const) {
      assert.deepEqual(await imageUrls(places(), 'abc', device(security)), {
        coaps: 'coaps://192.168.1.2/fw/abc',
        'coaps+tcp': 'coaps+tcp://192.168.1.2:15684/fw/abc',
      });
    }
  });

  it('many devices get all there are', async () => {
    assert.deepEqual(Object.keys(await imageUrls(places(), 'abc', undefined)), ['coap', 'coaps', 'coap+tcp', 'coaps+tcp']);
  });

  it('HTTP is there where it is switched on, by its own scheme', async () => {
    const http = await imageUrls(places({ httpBase: () => 'https://m.example/x' }), 'abc', device('none'));
    assert.equal(http.https, 'https://m.example/x/abc');
    assert.equal(
      (await imageUrls(places({ httpBase: () => 'http://m.example/x' }), 'abc', device('psk'))).http,
      'http://m.example/x/abc',
    );
  });

  it('the server is where the way to the device shows it; IPv6 in brackets', async () => {
    const asked: (string | undefined)[] = [];
    const hostFor = async (address: string | undefined) => {
      asked.push(address);
      return 'fd00::1';
    };
    const urls = await imageUrls(places({ hostFor }), 'abc', device('none', '[fd00::20]:5683'));
    await imageUrls(places({ hostFor }), 'abc', device('none', '10.0.0.1:5683'));
    await imageUrls(places({ hostFor }), 'abc', undefined);
    assert.deepEqual(asked, ['fd00::20', '10.0.0.1', undefined]);
    assert.equal(urls.coap, 'coap://[fd00::1]/fw/abc');
  });

  it('there are none where nothing listens, or nobody knows where', async () => {
    assert.deepEqual(await imageUrls(places({ listening: () => [] }), 'abc', device('none')), {});
    assert.deepEqual(await imageUrls(places({ hostFor: async () => undefined }), 'abc', device('none')), {});
  });
});
