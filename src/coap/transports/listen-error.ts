/** Why a port cannot be listened on, and what to do about it. */
import { DeviceManagementError } from '../../errors';

/**
 * Node takes a number that is no port as another one: NaN as any free port, 99999 as 34463.
 * @throws DeviceManagementError `server-unavailable`
 */
export function checkPort(port: number): void {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return;
  throw new DeviceManagementError(
    'server-unavailable',
    `the port must be a whole number from 1 to 65535, not ${port} (CoAP uses 5683): correct it.`,
  );
}

/** @param protocol "UDP", "TCP" */
export function listenError(protocol: string, error: NodeJS.ErrnoException, host: string, port: number): DeviceManagementError {
  const isEveryAddress = host === '' || host === '::' || host === '0.0.0.0';
  const where = `${protocol} port ${port} of ${isEveryAddress ? 'this machine' : host}`;
  if (error.code === 'EADDRINUSE') {
    return new DeviceManagementError(
      'port-in-use',
      `${where} is in use by another program or another lwm2m-server node: choose another port, or stop the other one.`,
      { cause: error },
    );
  }
  if (error.code === 'EADDRNOTAVAIL') {
    return new DeviceManagementError(
      'server-unavailable',
      `${host} is not an address of this machine: leave the host empty to listen on every address.`,
      { cause: error },
    );
  }
  if (error.code === 'EACCES') {
    return new DeviceManagementError('server-unavailable', `${where} needs special rights: choose a port above 1023.`, {
      cause: error,
    });
  }
  return new DeviceManagementError('server-unavailable', `${where} cannot be opened: ${error.message}`, { cause: error });
}
