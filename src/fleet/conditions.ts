/**
 * gt, lt, st and edge applied on this side, for a policy whose conditions are not those of the device (LwM2M Core 1.1.1 §5.1.2): a value is
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
    if (typeof value === 'boolean') return this.isEdge(path, value, at);
    const number = numeric(value);
    if (number === undefined) return true;
    const before = this.reported.get(path);
    if (before !== undefined && !this.isDue(before, number, at)) return false;
    this.reported.set(path, { value: number, at });
    return true;
  }

  /** LwM2M Core 1.2 §7.3: 0 is the way from true to false, 1 from false to true. The first value is a state to begin from. */
  private isEdge(path: string, value: boolean, at: number): boolean {
    const { edge, pmax } = this.attributes;
    if (edge === undefined) return true;
    const before = this.reported.get(path);
    const isTurn = before === undefined || (before.value !== Number(value) && value === (edge === 1));
    const isLate = before !== undefined && pmax !== undefined && at - before.at >= pmax * 1000;
    // What it turned to is remembered even where it is not told: the next turn is seen against it.
    this.reported.set(path, { value: Number(value), at: isTurn || isLate ? at : (before as Reported).at });
    return isTurn || isLate;
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
