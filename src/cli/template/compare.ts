/** `eq`, `lt` and what follows from them: only values of one kind compare, as in Go. */
import { sprint } from './printf.ts';
import { floatOf, isInt, isNil, mapOf, sliceOf, typeName } from './values.ts';

type Kind = 'bool' | 'int' | 'float' | 'string';

function kindOf(value: unknown): Kind | undefined {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (isInt(value)) return 'int';
  return floatOf(value) === undefined ? undefined : 'float';
}

function incompatible(a: unknown, b: unknown): Error {
  return new Error(`incompatible types for comparison: ${typeName(a)} and ${typeName(b)}`);
}

function comparable(value: unknown): void {
  if (mapOf(value) !== undefined || sliceOf(value) !== undefined) throw new Error(`non-comparable type ${sprint(value)}: ${typeName(value)}`);
}

/** Whether the first is one of the others. */
export function equal(first: unknown, others: readonly unknown[]): boolean {
  comparable(first);
  if (others.length === 0) throw new Error('missing argument for comparison');
  const kind = kindOf(first);
  return others.some((other) => {
    if (kindOf(other) !== kind) {
      if (!isNil(first) && !isNil(other)) throw incompatible(first, other);
      return false;
    }
    if (kind === 'int') return BigInt(first as number) === BigInt(other as number);
    if (kind === 'float') return floatOf(first) === floatOf(other);
    if (kind !== undefined) return first === other;
    if (isNil(first) || isNil(other)) return isNil(first) === isNil(other);
    comparable(other);
    return first === other;
  });
}

/** Below, at or above 0. */
export function compareValues(a: unknown, b: unknown): number {
  const [kind, other] = [kindOf(a), kindOf(b)];
  if (kind === undefined || other === undefined) throw new Error('invalid type for comparison');
  if (kind !== other) throw incompatible(a, b);
  if (kind === 'bool') throw new Error('invalid type for comparison');
  if (kind === 'string') return Buffer.compare(Buffer.from(a as string), Buffer.from(b as string));
  if (kind === 'float') return floatOf(a)! - floatOf(b)!;
  const [x, y] = [BigInt(a as number), BigInt(b as number)];
  return x < y ? -1 : x > y ? 1 : 0;
}
