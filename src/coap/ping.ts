/** CoAP ping: an empty confirmable message, answered by Reset (RFC 7252 §4.3). */
import type { Endpoint } from './endpoint';
import { Transmission } from './transmission';

export class Ping extends Transmission {
  constructor(
    endpoint: Endpoint,
    private readonly tell: (alive: boolean) => void,
  ) {
    super(endpoint);
  }

  override expired(): void {
    this.tell(false);
  }

  /** Wakaama answers a ping with an empty ACK instead of RST. */
  override acknowledged(): void {
    this.tell(true);
  }

  override wasReset(): void {
    this.tell(true);
  }
}
