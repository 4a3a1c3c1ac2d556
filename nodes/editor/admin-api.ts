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
  readonly name: string;
  readonly state: string;
  readonly error?: string | { readonly message?: string };
  readonly listening: readonly { readonly transport: string; readonly address: string; readonly port: number }[];
  readonly devices: number;
  readonly refused: number;
  readonly waiting: number;
  readonly store: { readonly trouble?: string };
}

/** One device, registered or only known. */
export interface DeviceDetails extends DeviceEntry {
  readonly lifetime?: number;
  readonly security?: string;
  readonly gateway?: { readonly endpoint: string };
  readonly updatedAt?: number;
  readonly objects?: readonly string[];
  readonly observations?: readonly string[];
  readonly requests: readonly {
    readonly id: number;
    readonly operation: string;
    readonly path: string;
    readonly since: number;
  }[];
}

export interface OperationAnswer {
  readonly value?: Readonly<Record<string, unknown>>;
  /** It waits for the device, under this number. */
  readonly request?: number;
}

/** Why a list is not there; each has its sentence below `picker.problem`. */
export type Problem = 'choose-server' | 'deploy-first' | 'device-gone' | 'no-permission' | 'no-answer';

export class ListUnavailable extends Error {
  constructor(readonly problem: Problem) {
    super(problem);
  }
}

/** A problem of the API (RFC 9457), in its own words. */
export class RequestFailed extends Error {}

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

async function send<Answer>(method: 'POST' | 'DELETE', url: string, body?: object): Promise<Answer> {
  try {
    const content = body === undefined ? {} : { data: JSON.stringify(body), contentType: 'application/json' };
    const answer: Answer = await $.ajax({ url: `device-management/${url}`, method, dataType: 'json', ...content });
    return answer;
  } catch (failure) {
    const problem = (failure as { responseJSON?: { detail?: string; title?: string } }).responseJSON;
    throw new RequestFailed(problem?.detail ?? problem?.title ?? (failure as { statusText?: string }).statusText ?? '');
  }
}

/** The first devices a selector means, in the order of their names. */
export async function devicePage(
  server: string,
  { select, limit }: { readonly select: string | undefined; readonly limit: number },
): Promise<{ devices: readonly DeviceEntry[]; more: boolean }> {
  const chosen = select === undefined ? '' : `&select=${encodeURIComponent(select)}`;
  const { devices: entries, cursor } = await get<{ devices: readonly DeviceEntry[]; cursor?: string }>(
    `${serverPath(server)}/devices?limit=${Math.min(limit, DEVICES_LISTED)}${chosen}`,
  );
  return { devices: entries, more: cursor !== undefined && limit < DEVICES_LISTED };
}

export function device(server: string, endpoint: string): Promise<DeviceDetails> {
  return get(`${serverPath(server)}/devices/${encodeURIComponent(endpoint)}`, 'device-gone');
}

/** Asks a device, as an operation node would. @throws RequestFailed with a sentence for a person */
export function operate(server: string, endpoint: string, operation: string, body: object): Promise<OperationAnswer> {
  return send('POST', `${serverPath(server)}/devices/${encodeURIComponent(endpoint)}/${operation}`, body);
}

/** Takes back a request that waits. @throws RequestFailed */
export function withdraw(server: string, endpoint: string, request: number): Promise<unknown> {
  return send('DELETE', `${serverPath(server)}/devices/${encodeURIComponent(endpoint)}/requests/${request}`);
}

/** Registered devices by name; `more` when the server has more than are listed. */
export async function devices(server: string): Promise<{ devices: readonly DeviceEntry[]; more: boolean }> {
  const answer = await get<{ devices: readonly DeviceEntry[]; cursor?: string | null }>(
    `${serverPath(server)}/devices?limit=${DEVICES_LISTED}`,
  );
  const sorted = [...answer.devices].sort((a, b) => a.endpoint.localeCompare(b.endpoint, undefined, { numeric: true }));
  return { devices: sorted, more: Boolean(answer.cursor) };
}

export interface Matches {
  readonly matches: number;
  readonly registered: number;
  readonly devices: readonly string[];
}

/** How many devices a selector means. */
export function matchesOf(server: string, select: string): Promise<Matches> {
  return get(`${serverPath(server)}/matches?select=${encodeURIComponent(select)}`);
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
