/** A transport whose making needs what can fail or takes time, such as keys in files: it is made each time it is opened. */
import type { LocalAddress, Receiver, Transport } from '../transport';

/** @param make may reject; then it cannot be opened, and a later attempt makes another. It has the given name and reliability */
export function madeWhenOpened(
  kind: { readonly name: string; readonly reliable: boolean },
  make: () => Promise<Transport>,
): Transport {
  let made: Transport | undefined;
  return {
    ...kind,
    get local(): LocalAddress | undefined {
      return made?.local;
    },
    async open(receiver: Receiver): Promise<void> {
      const transport = await make();
      await transport.open(receiver);
      made = transport;
    },
    send: (datagram, address, port) => made?.send(datagram, address, port),
    identify: (address, port) => made?.identify?.(address, port),
    disconnect: (address, port, fault) => made?.disconnect?.(address, port, fault),
    revoke: (name) => made?.revoke?.(name),
    async close(): Promise<void> {
      const transport = made;
      made = undefined;
      await transport?.close();
    },
  };
}
