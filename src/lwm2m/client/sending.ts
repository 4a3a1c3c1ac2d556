/** Send (LwM2M Core 1.1.1 §6.4.6): the device reports values nobody asked for, in SenML CBOR with the time. */
import { Code, codeText } from '../../coap/codes';
import type { RequestSpec, ResponseCallback } from '../../coap/layer';
import { Path } from '../../device/path';
import type { ResourceValue } from '../../device/value';
import { DeviceManagementError } from '../../errors';
import { senmlCbor } from '../formats/senml-cbor';
import type { EndDevices } from './end-devices';
import type { ObjectTree } from './objects';
import { readValues } from './reading';
import { Refusal } from './refusal';

/**
 * The request that carries what is readable at `paths`; those of a device behind it begin with its prefix.
 * @param at Unix milliseconds of the values
 * @throws DeviceManagementError `invalid-path`
 */
export function sendRequest(tree: ObjectTree, behind: EndDevices, paths: readonly string[], at: number): RequestSpec {
  const values = paths.flatMap((path) => located(tree, behind, path)).map((value) => ({ ...value, at }));
  const payload = senmlCbor.encode(values, { base: Path.root, typeOf: tree.model.typeOf });
  return { code: Code.Post, path: ['dp'], contentFormat: senmlCbor.contentFormat, payload };
}

/** Settles a promise by the answer to a Send. */
export function sendOutcome(resolve: () => void, reject: (error: unknown) => void): ResponseCallback {
  return (error, response) => {
    if (response === undefined) reject(error);
    else if (response.code === Code.Changed) resolve();
    else {
      const code = codeText(response.code);
      reject(
        new DeviceManagementError(code, `the server refused the Send with ${code}: ${response.payload.toString('utf8', 0, 200)}`),
      );
    }
  };
}

function located(own: ObjectTree, behind: EndDevices, text: string): readonly ResourceValue[] {
  const found = behind.locate(text);
  if (found === undefined) return readable(own, text);
  const { prefix } = found.tree as ObjectTree & { readonly prefix: string };
  return readable(found.tree, found.path).map((value) => ({ ...value, prefix }));
}

function readable(tree: ObjectTree, text: string): ResourceValue[] {
  try {
    return readValues(tree, Path.parse(text));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new DeviceManagementError('invalid-path', `${text} cannot be sent: ${error.message}.`, { path: text, cause: error });
  }
}
