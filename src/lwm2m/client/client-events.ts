/** What a client tells its application. */
import type { DeviceManagementError } from '../../errors';
import type { ExecuteArguments } from './execute-arguments';

export interface ClientEvents {
  /** The bootstrap server has told it its servers; it registers at this one now. */
  bootstrapped: { readonly how: 'sequence' | 'pack'; readonly uri: string };
  /** `location`: "/rd/5a3f". */
  registered: { readonly location: string };
  updated: { readonly location: string };
  deregistered: { readonly location: string };
  /** A Register, an Update or a bootstrap did not succeed; it tries again. */
  failed: { readonly error: DeviceManagementError; readonly retryMs: number };
  /** Queue mode: it stops listening, and listens again. */
  asleep: Record<never, never>;
  awake: Record<never, never>;
  /** What the server did, told when its answer has left. */
  written: { readonly paths: readonly string[] };
  executed: { readonly path: string; readonly arguments: ExecuteArguments };
  created: { readonly path: string };
  deleted: { readonly path: string };
  observed: { readonly path: string };
  /** `reason`: the server cancelled, reset or fell silent, what was observed went, or the registration did. */
  'observation-ended': { readonly path: string; readonly reason: string };
}
