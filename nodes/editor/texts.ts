/** Texts that several dialogs share; they live in the catalogue of the server node, which every other node needs anyway. */

const SHARED = '@fleetweave/node-red-device-management/lwm2m-server:';

export function text(key: string, variables?: Record<string, string | number>): string {
  return RED._(SHARED + key, variables);
}
