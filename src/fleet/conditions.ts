/**
 * gt, lt and st applied on this side, for a policy whose conditions are not those of the device (LwM2M Core 1.1.1 §5.1.2): a value is
 * passed on when it has crossed a line in either direction, has moved by the step, or when pmax has gone by since the last one.
 */
import type { ResourceValue, Value } from '../device/value';
import type { AttributeSet } from './observe-policy';

interface Reported {
  readonly value: number;
  readonly at: number;
}

export class Conditions {
  /** Last value passed on, by path: thresholds on an instance apply to each of its numeric resources. */
  private readonly reported = new Map<string, Reported>();

  constructor(readonly attributes: AttributeSet) {}

  /** Those of `values` that the policy asked for. */
  pass(values: readonly ResourceValue[], at: number): readonly ResourceValue[] {
    return values.filter((value) => this.passes(value, value.at ?? at));
  }

  private passes({ path, value }: ResourceValue, at: number): boolean {
    const number = numeric(value);
    if (number === undefined) return true;
    const before = this.reported.get(path);
    if (before !== undefined && !this.isDue(before, number, at)) return false;
    this.reported.set(path, { value: number, at });
    return true;
  }

  private isDue(before: Reported, value: number, at: number): boolean {
    const { gt, lt, st, pmax } = this.attributes;
    return (
      crosses(gt, before.value, value) ||
      crosses(lt, before.value, value) ||
      (st !== undefined && Math.abs(value - before.value) >= st) ||
      (pmax !== undefined && at - before.at >= pmax * 1000)
    );
  }
}

function crosses(line: number | undefined, before: number, after: number): boolean {
  return line !== undefined && ((before <= line && after > line) || (before >= line && after < line));
}

/** Integers beyond 2^53 come as text; text of a String resource has no size. */
function numeric(value: Value): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
