/** The answer of a device as a message. */
import type { OperationName, OperationRequest, OperationResult } from '../../src/device/operation';
import { Path } from '../../src/device/path';
import type { GuardReport } from '../../src/fleet/guard-terms';
import type { Message } from './flow-host';
import type { OperationKind } from './operation-kind';
import type { RunningServer } from './running-server';

export class Answers {
  constructor(
    private readonly server: RunningServer | undefined,
    private readonly kind: OperationKind,
  ) {}

  /** @returns the message, with the answer put on it */
  onto(message: Message, result: OperationResult, request: OperationRequest, report?: GuardReport): Message {
    const { device, operation, code, contentFormat, rtt, at, created, absent, refused, fallback } = result;
    const payload = this.payloadOf(result, request, report);
    if (payload !== undefined) message.payload = payload;
    return Object.assign(message, {
      device,
      path: shownPath(result),
      dm: {
        server: this.server?.id,
        operation,
        code,
        ...(contentFormat !== undefined && { contentFormat }),
        ...(created !== undefined && { created }),
        ...(absent !== undefined && { absent }),
        ...(refused !== undefined && { refused }),
        ...(fallback !== undefined && { fallback }),
        rtt,
        at,
      },
    });
  }

  payloadOf(result: OperationResult, request: OperationRequest, report?: GuardReport): unknown {
    if (report !== undefined || this.server === undefined) return report;
    return this.kind.payload(result, request, targetOf(request), this.server);
  }
}

interface About {
  readonly operation: OperationName;
  readonly path: string;
}

function isComposite({ operation }: About): boolean {
  return operation === 'read-composite' || operation === 'write-composite';
}

/** As a message has it: a list of paths is an array. */
export function shownPath(about: About): string | readonly string[] {
  return isComposite(about) && about.path !== '/' ? about.path.split(',') : about.path;
}

/** What payloads are relative to. */
function targetOf(about: About): Path {
  return isComposite(about) ? Path.root : Path.parse(about.path);
}
