/** A message on its way through a node, until `done`, which is called once. */

import type { FlowError } from './failure';
import type { Done, Message, Send } from './flow-host';
import type { TaskFor } from './operation-kind';

export interface Journey {
  readonly message: Message;
  task?: TaskFor;
  readonly send: Send;
  finish(error?: FlowError): void;
  readonly isFinished: boolean;
}

export class Journeys {
  private readonly underWay = new Set<Journey>();

  begin(message: Message, send: Send, done: Done): Journey {
    const { underWay } = this;
    let isFinished = false;
    const journey: Journey = {
      message,
      send,
      get isFinished() {
        return isFinished;
      },
      finish(error) {
        if (isFinished) return;
        isFinished = true;
        underWay.delete(journey);
        if (error === undefined) done();
        else done(error);
      },
    };
    underWay.add(journey);
    return journey;
  }

  finishAll(): void {
    for (const journey of this.underWay) journey.finish();
  }
}
