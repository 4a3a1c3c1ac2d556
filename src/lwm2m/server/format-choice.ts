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
/**
 * `report`: observed, so that stored values with their times may come, which only structured formats carry. `composite`: the payload of
 * a composite request, whose answer comes in the like of it.
 */
export type Purpose = 'read' | 'report' | 'write' | 'composite';

export interface FormatQuestion {
  readonly registration: Registration;
  readonly purpose: Purpose;
  readonly shape: Shape;
  /** Of the single resource, where the model knows it. */
  readonly type: ResourceType | undefined;
}

const { Text, OctetStream, SenmlJson, SenmlCbor, SenmlEtchJson, SenmlEtchCbor, Tlv, Json, Lwm2mCbor } = ContentFormat;

type Order = readonly ContentFormatChoice[];

/** The order of preference among announced formats, and of second tries. */
const ORDER: Order = [SenmlCbor, Tlv, SenmlJson, Json, 'none'];
/** A device of 1.2 need not have LwM2M CBOR (LwM2M Core 1.2 §7.5). */
const ORDER_OF_1_2: Order = [SenmlCbor, Lwm2mCbor, Tlv, SenmlJson, Json, 'none'];
/** Where announced it is first: half the bytes of SenML CBOR. It has no place for times, and what is observed may come as a history. */
const COMPACT: Order = [Lwm2mCbor, ...ORDER];
const COMPOSITE: Order = [SenmlCbor, SenmlJson];
/** Devices of 1.2 may have only one of the four (LwM2M Core 1.2 §7.5). */
const COMPOSITE_OF_1_2: Order = [SenmlCbor, SenmlJson, SenmlEtchCbor, SenmlEtchJson];

export class FormatChoice {
  private readonly taken = new WeakMap<object, Map<string, ContentFormatChoice>>();

  /**
   * Formats to try, best first.
   * @param device stands for the registration: what it took is remembered with it
   */
  candidates(device: object, question: FormatQuestion): readonly ContentFormatChoice[] {
    return beginningWith(this.taken.get(device)?.get(keyOf(question)) ?? usual(question), question);
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

function usual(question: FormatQuestion): ContentFormatChoice {
  const { registration, purpose, shape, type } = question;
  const { version, contentFormats } = registration;
  const isOld = version === '1.0';
  const wantsPlain = shape === 'single' && (purpose !== 'report' || isOld);
  const plain = type === 'opaque' ? OctetStream : Text;
  if (contentFormats.length > 0) {
    if (wantsPlain && contentFormats.includes(plain)) return plain;
    const preferred = isOld || purpose === 'composite' || purpose === 'report' ? orderOf(question) : COMPACT;
    const announced = preferred.find((format) => format !== 'none' && contentFormats.includes(format));
    if (announced !== undefined) return announced;
  }
  // Corelnk values as link format would be a Discover.
  if (wantsPlain && type !== 'corelnk') return plain;
  return isOld ? Tlv : SenmlCbor;
}

function orderOf({ registration, purpose }: FormatQuestion): Order {
  const isNew = registration.version === '1.2';
  if (purpose === 'composite') return isNew ? COMPOSITE_OF_1_2 : COMPOSITE;
  return isNew ? ORDER_OF_1_2 : ORDER;
}

const withoutNone = new Map<Order, Map<ContentFormatChoice, Order>>();
const withNone = new Map<Order, Map<ContentFormatChoice, Order>>();

/** The best and then the others; a payload needs a format. There are few such lists, and one is needed for every operation. */
function beginningWith(best: ContentFormatChoice, question: FormatQuestion): Order {
  const isPayload = question.purpose === 'write' || question.purpose === 'composite';
  const order = orderOf(question);
  const byOrder = isPayload ? withoutNone : withNone;
  let lists = byOrder.get(order);
  if (lists === undefined) {
    lists = new Map();
    byOrder.set(order, lists);
  }
  let list = lists.get(best);
  if (list === undefined) {
    list = [best, ...order.filter((format) => format !== best && (format !== 'none' || !isPayload))];
    lists.set(best, list);
  }
  return list;
}

function keyOf({ purpose, shape, type }: FormatQuestion): string {
  return `${purpose} ${shape} ${shape === 'single' && type === 'opaque' ? 'opaque' : ''}`;
}
