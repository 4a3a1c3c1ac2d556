/** What the dialogs ask of the running servers. `$.ajax`, because the editor adds its access token there; URLs relative, for any httpAdminRoot. */

export interface DeviceEntry {
  readonly endpoint: string;
  readonly address: string;
  readonly version: string;
  readonly presence: 'reachable' | 'asleep' | 'gone';
}

export interface ResourceEntry {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly operations: string;
  readonly multiple: boolean;
  readonly units?: string;
}

export interface ObjectEntry {
  readonly id: number;
  readonly name: string;
  readonly version?: string;
  readonly instances?: readonly number[];
  readonly resources?: readonly ResourceEntry[];
}

export interface ServerEntry {
  readonly id: string;
  readonly state: string;
  readonly error?: string | { readonly message?: string };
  readonly listening: readonly { readonly transport: string; readonly address: string; readonly port: number }[];
  readonly devices: number;
  readonly refused: number;
}

/** Why a list is not there; each has its sentence below `picker.problem`. */
export type Problem = 'choose-server' | 'deploy-first' | 'device-gone' | 'no-permission' | 'no-answer';

export class ListUnavailable extends Error {
  constructor(readonly problem: Problem) {
    super(problem);
  }
}

/** More than anyone reads in a list; the rest is found by typing the name. */
export const DEVICES_LISTED = 1000;

async function get<Answer>(url: string, notFound: Problem = 'deploy-first'): Promise<Answer> {
  try {
    const answer: Answer = await $.ajax({ url: `device-management/${url}`, dataType: 'json', cache: false });
    return answer;
  } catch (failure) {
    const status = typeof failure === 'object' && failure !== null && 'status' in failure ? failure.status : 0;
    if (status === 404) throw new ListUnavailable(notFound);
    throw new ListUnavailable(status === 401 || status === 403 ? 'no-permission' : 'no-answer');
  }
}

/** The select of config nodes holds "_ADD_" while none is chosen. */
function serverPath(server: string): string {
  if (server === '' || server === '_ADD_') throw new ListUnavailable('choose-server');
  return `servers/${encodeURIComponent(server)}`;
}

export function servers(): Promise<readonly ServerEntry[]> {
  return get('servers');
}

/** Registered devices by name; `more` when the server has more than are listed. */
export async function devices(server: string): Promise<{ devices: readonly DeviceEntry[]; more: boolean }> {
  const answer = await get<{ devices: readonly DeviceEntry[]; cursor?: string | null }>(
    `${serverPath(server)}/devices?limit=${DEVICES_LISTED}`,
  );
  const sorted = [...answer.devices].sort((a, b) => a.endpoint.localeCompare(b.endpoint, undefined, { numeric: true }));
  return { devices: sorted, more: Boolean(answer.cursor) };
}

export function objectsOf(server: string, endpoint: string): Promise<readonly ObjectEntry[]> {
  return get(`${serverPath(server)}/devices/${encodeURIComponent(endpoint)}/objects`, 'device-gone');
}

/** Every object of the OMA registry and of vendor definitions, names only. */
export function allObjects(): Promise<readonly ObjectEntry[]> {
  return get('objects', 'no-answer');
}

export function objectModel(id: number): Promise<ObjectEntry> {
  return get(`objects/${id}`, 'no-answer');
}
