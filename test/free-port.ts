/** Ports of this machine that nobody has at the moment, for programs that have to be told one before they begin. */
import { createSocket } from 'node:dgram';
import { type AddressInfo, createServer } from 'node:net';

const HOST = '127.0.0.1';

export function freeUdpPort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createSocket('udp4');
    probe.bind(0, HOST, () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

export function freeTcpPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, HOST, () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
