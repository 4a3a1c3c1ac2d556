/** Everything a firmware update of a device can be made to do wrong, switched on by name: for tests of who updates it. */
import { DeviceManagementError } from '../../errors';

interface Fault {
  /** For a person. */
  readonly does: string;
  /** Of its number, where it takes one. */
  readonly unit?: 'bytes' | 'seconds';
  readonly usually?: number;
}

/** Update Results are those of 5/0/5. */
export const FIRMWARE_FAULTS = {
  'no-space': { does: 'has no room for the package (result 2)' },
  'out-of-memory': { does: 'runs out of memory in the download (result 3)' },
  'connection-lost': { does: 'loses its connection after so many bytes (result 4)', unit: 'bytes', usually: 10_000 },
  corrupt: { does: 'finds the package damaged (result 5)' },
  'wrong-type': { does: 'finds the package is of another kind (result 6)' },
  'bad-uri': { does: 'cannot use the URI (result 7)' },
  'install-fails': { does: 'cannot install (result 8)' },
  'unsupported-protocol': { does: 'does not speak the protocol of the URI (result 9)' },
  cancelled: { does: 'cancels the download by itself (result 10)' },
  aborts: { does: 'ends the download by itself without a result' },
  defers: { does: 'is put off by its user at the first Execute (result 11)' },
  stuck: { does: 'stays in state 3' },
  silent: { does: 'is not heard again after its reboot' },
  'old-version': { does: 'comes back with the version it had (result 8)' },
  'claims-success': { does: 'comes back with the version it had, and says it succeeded (result 1)' },
  'erases-uri': { does: 'forgets the URI after the download' },
  'keeps-result': { does: 'keeps its last result when it is reset' },
  'no-state-3': { does: 'reboots without ever showing state 3' },
  unacknowledged: { does: 'reboots before it has answered Execute' },
  'other-port': { does: 'comes back at another port' },
  sleeps: { does: 'sleeps for so long in the middle of a pull', unit: 'seconds', usually: 60 },
  'refuses-reset': { does: 'refuses the NUL byte as a reset' },
  slow: { does: 'waits for so long between the parts it pulls', unit: 'seconds', usually: 1 },
} as const satisfies Readonly<Record<string, Fault>>;

export type FirmwareFault = keyof typeof FIRMWARE_FAULTS;
/** Those switched on, with their numbers (0 where a fault has none). */
export type FirmwareFaults = ReadonlyMap<FirmwareFault, number>;

export const NO_FAULTS: FirmwareFaults = new Map();

/**
 * @param given "corrupt", "connection-lost:20000", several with commas or as an array; nothing or "none" = none
 * @throws DeviceManagementError `invalid-value`, naming those there are
 */
export function readFaults(given: unknown): FirmwareFaults {
  const texts = given === undefined || given === null ? [] : Array.isArray(given) ? given : String(given).split(',');
  const faults = new Map<FirmwareFault, number>();
  for (const text of texts.map((one) => String(one).trim())) {
    if (text === '' || text === 'none') continue;
    const [name = '', number] = text.split(':');
    const fault: Fault | undefined = Object.hasOwn(FIRMWARE_FAULTS, name) ? FIRMWARE_FAULTS[name as FirmwareFault] : undefined;
    if (fault === undefined) {
      const known = Object.keys(FIRMWARE_FAULTS).join(', ');
      throw invalid(`"${name}" is no fault of a firmware update: there are ${known}`);
    }
    const amount = number === undefined ? (fault.usually ?? 0) : Number(number);
    if (!(Number.isFinite(amount) && amount >= 0))
      throw invalid(`the fault ${name} takes a number of ${fault.unit ?? 'nothing'}`);
    faults.set(name as FirmwareFault, amount);
  }
  return faults;
}

function invalid(text: string): DeviceManagementError {
  return new DeviceManagementError('invalid-value', text);
}
