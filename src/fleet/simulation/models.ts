/** What simulated devices are, in turn. */
import type { Place } from './movement';

export interface Model {
  readonly manufacturer: string;
  readonly model: string;
  readonly type: string;
  /** Network Bearer (4/0/0). */
  readonly bearer: number;
}

export const Bearer = { Lte: 6, NbIot: 7, Wlan: 21 } as const;

export const MODELS: readonly Model[] = [
  { manufacturer: 'Acme Sensors', model: 'TempTrack 2', type: 'temperature logger', bearer: Bearer.NbIot },
  { manufacturer: 'Acme Sensors', model: 'TempTrack 3', type: 'temperature logger', bearer: Bearer.Lte },
  { manufacturer: 'Northwind', model: 'ColdChain One', type: 'cold chain tracker', bearer: Bearer.Lte },
  { manufacturer: 'Northwind', model: 'RoomSense', type: 'room sensor', bearer: Bearer.Wlan },
];

export const HOMES: readonly Place[] = [
  { latitude: 52.5208, longitude: 13.4095 },
  { latitude: 48.1372, longitude: 11.5756 },
  { latitude: 50.1109, longitude: 8.6821 },
  { latitude: 53.5511, longitude: 9.9937 },
];

export const FIRST_FIRMWARE = '1.0.0';
