/** What a simulated device measures, as time goes by, put into its objects. */
import type { Clock } from '../../clock';
import type { ObjectTree } from '../../lwm2m/client/objects';
import { sensorIsOn } from './capabilities';
import { Battery, between, type Fraction, type Place, Signal, Temperature, Track } from './movement';
import { ErrorCode } from './tracker';

export class Measurements {
  readonly temperature: Temperature;
  readonly battery: Battery;
  readonly track: Track;
  readonly signal: Signal;
  private movedAt: number;

  constructor(
    private readonly tree: ObjectTree,
    private readonly clock: Clock,
    home: Place,
    private readonly fraction: Fraction,
  ) {
    this.temperature = new Temperature(fraction);
    this.battery = new Battery(fraction);
    this.track = new Track(home, fraction);
    this.signal = new Signal(fraction);
    this.movedAt = clock.monotonic();
  }

  move(): void {
    const now = this.clock.monotonic();
    const elapsedMs = now - this.movedAt;
    this.movedAt = now;
    this.battery.next(elapsedMs);
    const place = this.track.next(elapsedMs);
    this.tree.setAll([
      ...this.batteryValues(),
      ...this.measured(this.temperature.next(this.clock.wall())),
      ['/3/0/10', Math.round(between(380, 620, this.fraction))],
      ['/4/0/2', this.signal.next()],
      ['/6/0/0', place.latitude],
      ['/6/0/1', place.longitude],
      ['/6/0/5', new Date(this.clock.wall())],
      ['/6/0/6', this.track.metersPerSecond],
    ]);
  }

  lowBattery(): void {
    this.battery.makeLow();
    this.tree.setAll(this.batteryValues());
  }

  newBattery(): void {
    this.battery.replace();
    this.tree.setAll(this.batteryValues());
  }

  private measured(celsius: number): [string, unknown][] {
    if (!sensorIsOn(this.tree)) return [];
    return [
      ['/3303/0/5700', celsius],
      ['/3303/0/5601', Math.min(celsius, this.tree.get('/3303/0/5601') as number)],
      ['/3303/0/5602', Math.max(celsius, this.tree.get('/3303/0/5602') as number)],
    ];
  }

  private batteryValues(): [string, unknown][] {
    const { percent, millivolts, status, isLow } = this.battery;
    return [
      ['/3/0/7', [millivolts]],
      ['/3/0/9', percent],
      ['/3/0/11', [isLow ? ErrorCode.LowBattery : ErrorCode.None]],
      ['/3/0/20', status],
    ];
  }
}
