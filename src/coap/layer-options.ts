/** What the message layer is given: its transports, its limits, and who is told of what comes. */
import type { Clock } from '../clock';
import type { Endpoint } from './endpoint';
import type { IncomingRequest } from './incoming';
import type { LayerLimits, TransmissionParameters } from './parameters';
import type { Random } from './random';
import type { RefusedPeer, Transport } from './transport';

export interface LayerOptions {
  /** At least one; the first is where `endpoint` looks when it is not told. */
  readonly transports: readonly [Transport, ...Transport[]];
  readonly clock: Clock;
  readonly random?: Random;
  readonly parameters?: Partial<TransmissionParameters>;
  readonly limits?: Partial<LayerLimits>;
  /** Called once per request; answer with `request.respond`, now or later. */
  readonly onRequest: (request: IncomingRequest) => void;
  /** A peer on a reliable transport is gone for good; the same device comes back as another endpoint. */
  readonly onDisconnected?: (endpoint: Endpoint, reason: string) => void;
  /**
   * An answer or a notification with a token of ours came from `to`, while it was asked of `from`: whether that is the same device, met at
   * another address, and has been moved there. Absent: it never is (RFC 7252 §5.3.2).
   */
  readonly onStrayed?: (from: Endpoint, to: Endpoint) => boolean;
  /** Whether a path can be known to one peer only, so that the rest of a body in blocks may come from another address. */
  readonly isSecret?: (path: readonly string[]) => boolean;
  /** A peer could not prove who it is. */
  readonly onRefused?: (peer: RefusedPeer) => void;
  /** An exception of `onRequest`: a bug, told to whoever runs the layer. */
  readonly onHandlerError?: (error: unknown) => void;
}
