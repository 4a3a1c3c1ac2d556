/** dm-job: runs any sub-flow over many devices, in waves, at a pace, under guard. */
import type { NodeAPI, NodeDef } from 'node-red';
import { inputRow } from '../runtime/operation-settings';
import { registerNode } from '../runtime/register-node';
import { JobNode } from './job-node';
import type { JobProperties } from './plan-of';

interface JobNodeProperties extends NodeDef, JobProperties {
  readonly server: string;
  readonly device?: string;
  readonly deviceType?: string;
  /** Empty: the message's, or one that is made up. */
  readonly jobId?: string;
  readonly jobIdType?: string;
}

export = (red: NodeAPI): void =>
  registerNode(red, 'dm-job', (host, server, properties: JobNodeProperties) => {
    const { device, deviceType, jobId, jobIdType } = properties;
    return new JobNode(host, server, {
      device: inputRow('device', device ?? '', deviceType),
      jobId: inputRow('jobId', jobId ?? '', jobIdType ?? 'str'),
      properties,
    });
  });
