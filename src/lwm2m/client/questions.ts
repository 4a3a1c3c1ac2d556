/**
 * Requests of a client under way. Where keys cannot be agreed on with a server, what waits for it fails at once and with the reason: the
 * message layer would only learn after its last repeat that nobody answers.
 */
import type { Endpoint } from '../../coap/endpoint';
import type { CoapLayer, RequestOptions, RequestSpec, ResponseCallback } from '../../coap/layer';
import type { DeviceManagementError } from '../../errors';

interface Question {
  readonly endpoint: Endpoint;
  request: { cancel(): void } | undefined;
  failure: DeviceManagementError | undefined;
}

export class Questions {
  private readonly pending = new Set<Question>();

  constructor(private readonly layer: Pick<CoapLayer, 'request'>) {}

  ask(endpoint: Endpoint, spec: RequestSpec, options: RequestOptions, callback: ResponseCallback): { cancel(): void } {
    const question: Question = { endpoint, request: undefined, failure: undefined };
    this.pending.add(question);
    const request = this.layer.request(endpoint, spec, options, (error, response) => {
      this.pending.delete(question);
      callback(question.failure ?? error, response);
    });
    question.request = request;
    return request;
  }

  /** Fails what waits for an answer from there. */
  fail(address: string, port: number, failure: DeviceManagementError): void {
    for (const question of [...this.pending]) {
      if (question.endpoint.address !== address || question.endpoint.port !== port) continue;
      question.failure = failure;
      question.request?.cancel();
    }
  }
}
