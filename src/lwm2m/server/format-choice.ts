/**
 * Which content format to ask for and to send in. What the caller says counts; else the best of those the device announced; else what
 * its LwM2M version makes usual (LwM2M Core 1.1.1 §7.4). A device that refuses with 4.06 or 4.15 is asked again in the next
 * format, and what it then took is remembered for its registration.
 */
import { Code } from '../../coap/codes';
import { ContentFormat } from '../../coap/options';
import type { Registration } from '../../device/manager';
import type { ContentFormatChoice } from '../../device/operation';
import type { ResourceType } from '../../device/value';

/** One value, or a structure of several. */
export type Shape = 'single' | 'structured';
/** `report`: observed, so that stored values with their times may come, which only structured formats carry. */
export type Purpose = 'read' | 'report' | 'write';

export interface FormatQuestion {
  readonly registration: Registration;
  readonly purpose: Purpose;
  readonly shape: Shape;
  /** Of the single resource, where the model knows it. */
  readonly type: ResourceType | undefined;
}

const { Text, OctetStream, SenmlJson, SenmlCbor, Tlv, Json } = ContentFormat;

/** The order of preference among announced formats, and of second tries. */
const ORDER: readonly ContentFormatChoice[] = [SenmlCbor, Tlv, SenmlJson, Json, 'none'];

export class FormatChoice {
  private readonly taken = new WeakMap<object, Map<string, ContentFormatChoice>>();

  /**
   * Formats to try, best first.
   * @param device stands for the registration: what it took is remembered with it
   */
  candidates(device: object, question: FormatQuestion): readonly ContentFormatChoice[] {
    return beginningWith(this.taken.get(device)?.get(keyOf(question)) ?? usual(question), question.purpose);
  }

  /** The device took this format after it had refused a better one. */
  remember(device: object, question: FormatQuestion, format: ContentFormatChoice): void {
    let formats = this.taken.get(device);
    if (formats === undefined) {
      formats = new Map();
      this.taken.set(device, formats);
    }
    formats.set(keyOf(question), format);
  }
}

/**
 * Whether an answer says "not in this format". Wakaama answers a Write in a format it does not know with 4.06 too; it has the same code
 * for a Create of an instance that exists, where another format is no cure.
 */
export function refusesFormat(code: number, isCreate: boolean): boolean {
  return code === Code.UnsupportedContentFormat || (code === Code.NotAcceptable && !isCreate);
}

function usual({ registration, purpose, shape, type }: FormatQuestion): ContentFormatChoice {
  const { version, contentFormats } = registration;
  const isOld = version === '1.0';
  const wantsPlain = shape === 'single' && (purpose !== 'report' || isOld);
  const plain = type === 'opaque' ? OctetStream : Text;
  if (contentFormats.length > 0) {
    if (wantsPlain && contentFormats.includes(plain)) return plain;
    const announced = ORDER.find((format) => format !== 'none' && contentFormats.includes(format));
    if (announced !== undefined) return announced;
  }
  // Corelnk values as link format would be a Discover.
  if (wantsPlain && type !== 'corelnk') return plain;
  return isOld ? Tlv : SenmlCbor;
}

const reading = new Map<ContentFormatChoice, readonly ContentFormatChoice[]>();
const writing = new Map<ContentFormatChoice, readonly ContentFormatChoice[]>();

/** The best and then the others; a payload needs a format. There are few such lists, and one is needed for every operation. */
function beginningWith(best: ContentFormatChoice, purpose: Purpose): readonly ContentFormatChoice[] {
  const lists = purpose === 'write' ? writing : reading;
  let list = lists.get(best);
  if (list === undefined) {
    list = [best, ...ORDER.filter((format) => format !== best && (format !== 'none' || purpose !== 'write'))];
    lists.set(best, list);
  }
  return list;
}

function keyOf({ purpose, shape, type }: FormatQuestion): string {
  return `${purpose} ${shape} ${shape === 'single' && type === 'opaque' ? 'opaque' : ''}`;
}
