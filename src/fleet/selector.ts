/** Which devices: an endpoint, several, or patterns in which `*` stands for anything. Text that crosses to a store stays readable: "a,kitchen-*". */
import { DeviceManagementError } from '../errors';

export class Selector {
  static readonly everyone = new Selector(['*']);
  private readonly outright: ReadonlySet<string>;
  private readonly patterns: readonly RegExp[];

  private constructor(parts: readonly string[]) {
    this.text = parts.join(',');
    this.outright = new Set(parts.filter((part) => !part.includes('*')));
    this.patterns = parts.filter((part) => part.includes('*')).map(patternOf);
  }

  /** Canonical: two selectors with the same text choose the same devices. */
  readonly text: string;

  /**
   * @param choice an endpoint, a pattern, or an array of them
   * @throws DeviceManagementError `invalid-request`
   */
  static of(choice: unknown): Selector {
    const parts = Array.isArray(choice) ? choice : [choice];
    for (const part of parts) {
      if (typeof part === 'string' && part.trim() !== '') continue;
      throw new DeviceManagementError(
        'invalid-request',
        `the device must be an endpoint name, a pattern such as "kitchen-*", or an array of them, but ${kindOf(part)} came`,
      );
    }
    return new Selector([...new Set(parts.map((part: string) => part.trim()))]);
  }

  /** Whether it names exactly one device, registered or not. */
  get single(): string | undefined {
    if (this.patterns.length > 0 || this.outright.size !== 1) return undefined;
    const [name] = this.outright;
    return name;
  }

  /** Whether it names this device outright, and not by a pattern. */
  names(endpoint: string): boolean {
    return this.outright.has(endpoint);
  }

  matches(endpoint: string): boolean {
    return this.outright.has(endpoint) || this.patterns.some((pattern) => pattern.test(endpoint));
  }

  /** Endpoints named outright come even when they are not among `registered`: that they are missing is worth telling. */
  choose(registered: Iterable<string>): readonly string[] {
    const chosen = new Set(this.outright);
    if (this.patterns.length > 0) {
      for (const endpoint of registered) if (this.matches(endpoint)) chosen.add(endpoint);
    }
    return [...chosen];
  }
}

/** Adjacent wildcards are one: `a****b` must not make the expression backtrack. */
function patternOf(pattern: string): RegExp {
  const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  return new RegExp(`^${pattern.split(/\*+/).map(literal).join('.*')}$`, 's');
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (value === '') return 'an empty text';
  return Array.isArray(value) ? 'a nested array' : `a ${typeof value}`;
}
