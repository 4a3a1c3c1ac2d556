/** Which instance of the Server object (1) is this server's in a device: what triggers an Update or disables the registration. */
import type { Registration } from '../device/manager';
import type { OperationRequest } from '../device/operation';

const SERVER_OBJECT = '/1/';

/**
 * A request at "/1/0/…" moved to the Server instance the device announced; many call it /1/1 (Anjay). A device with several serves several
 * servers: then the first is as good a guess as any, and one that shows /1/0 is taken at its word.
 */
export function atServerInstance<Request extends OperationRequest>(
  request: Request,
  registration: Registration | undefined,
): Request {
  if (!request.path.startsWith('/1/0/') || registration === undefined) return request;
  const instances = registration.objects.filter((path) => path.startsWith(SERVER_OBJECT));
  const [first] = instances;
  if (first === undefined || instances.includes('/1/0')) return request;
  return { ...request, path: `${first}/${request.path.slice('/1/0/'.length)}` };
}
