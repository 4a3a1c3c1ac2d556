/** The part of the admin API for firmware images (docs/api.md): what there is, another one streamed in or fetched, one removed. */

import { asDeviceManagementError } from '../../src/errors';
import type { Image } from '../../src/fleet/firmware/image';
import { imageAtUrl, imageInFile } from '../../src/fleet/firmware/image-sources';
import { type AddOptions, type ImageInventory, referenceOf } from '../../src/fleet/firmware/inventory';
import type { RunningServer } from '../runtime/running-server';
import { Answer, jsonOf, type Request } from './api-request';
import { callerOf } from './caller';
import { Problem } from './problem';

export function images({ fleet }: RunningServer): object {
  const { images } = fleet;
  return { images: images.all().map((image) => imageView(images, image)), coming: images.coming };
}

/** The bytes as they are with the description in the query, or JSON that says where they are. */
export async function addImage(server: RunningServer, request: Request): Promise<Answer> {
  const { images } = server.fleet;
  const { body, size, description } = await givenBy(server, request);
  const isKnown = new Set(images.all().map(({ id }) => id));
  let image: Image;
  try {
    image = await images.add(body, description, size === undefined ? {} : { size });
  } catch (caught) {
    // Whoever is still sending would otherwise wait for somebody to listen, and not hear why.
    request.resume?.();
    throw asConflict(caught);
  }
  server.audit({ actor: callerOf(request).name, action: `add image ${referenceOf(image)}`, outcome: 'done' });
  return new Answer(isKnown.has(image.id) ? 200 : 201, imageView(images, image));
}

export async function removeImage(server: RunningServer, request: Request): Promise<object> {
  const { images } = server.fleet;
  const reference = request.params.image ?? '';
  const image = images.find(reference);
  // A name alone means the newest, which is not what whoever clears up means.
  if (image === undefined || image.name === reference)
    throw new Problem(404, 'No such image', `there is no image ${reference}: give its id, or "name@version"`);
  try {
    await images.remove(image.id);
  } catch (caught) {
    throw asConflict(caught);
  }
  server.audit({ actor: callerOf(request).name, action: `remove image ${referenceOf(image)}`, outcome: 'done' });
  return { removed: image.id };
}

type Given = Pick<AddOptions, 'size'> & {
  readonly body: AsyncIterable<Uint8Array>;
  readonly description: unknown;
};

async function givenBy({ clock }: RunningServer, request: Request): Promise<Given> {
  const type = String(request.headers['content-type'] ?? '').toLowerCase();
  if (type.includes('json')) {
    const { url, file, ...description } = jsonOf(request);
    if (typeof url === 'string') return { ...(await imageAtUrl(url, clock)), description };
    if (typeof file === 'string') return { ...imageInFile(file), description };
    throw new Problem(400, 'Bad request', 'say where the image is: "url", or "file" on the machine of Node-RED');
  }
  if (type.includes('form'))
    throw new Problem(400, 'Bad request', 'send the bytes of the image with Content-Type: application/octet-stream');
  const length = Number(request.headers['content-length']);
  // Left early, the request must not end with it: its answer goes the same way.
  const body = request.iterator?.({ destroyOnReturn: false }) ?? request;
  return { body, description: request.query, ...(length > 0 && { size: length }) };
}

function asConflict(caught: unknown): unknown {
  const { code, message } = asDeviceManagementError(caught);
  if (code === 'invalid-request') return new Problem(409, 'Conflict', message, { code });
  return code === 'too-large' ? new Problem(413, 'Too large', message, { code }) : caught;
}

function imageView(images: ImageInventory, image: Image): object {
  const usedBy = images.heldBy(image.id);
  return { ...image, ...(usedBy.length > 0 && { usedBy }) };
}
