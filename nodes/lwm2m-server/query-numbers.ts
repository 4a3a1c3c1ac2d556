/** Numbers in the query of a request of the API. */
import type { Request } from './api-request';
import { Problem } from './problem';

/**
 * @param most of `limit`; the others are whole numbers
 * @throws Problem 400, naming the parameter
 */
export function numbersIn<Name extends string>(
  { query }: Pick<Request, 'query'>,
  names: readonly Name[],
  most: number,
): { readonly [Each in Name]?: number } {
  const given = names.filter((name) => query[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, numberOf(name, query[name], most)])) as {
    readonly [Each in Name]?: number;
  };
}

function numberOf(name: string, value: unknown, mostOfLimit: number): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : Number.NaN;
  const [least, most] = name === 'limit' ? [1, mostOfLimit] : [0, Number.MAX_SAFE_INTEGER];
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  const what = name === 'limit' ? `a number from 1 to ${mostOfLimit}` : 'a whole number';
  throw new Problem(400, 'Bad request', `${name} must be ${what}`);
}
