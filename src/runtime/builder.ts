import type { OpName, OpOf, Op, Side } from '../plan/ops.ts';

type Rest<K extends OpName> = Omit<OpOf<K>, 'op' | 'side' | 'why' | 'subject' | 'ignore'>;
export interface Note {
  readonly why?: string;
  readonly subject?: string;
  readonly ignore?: readonly string[];
}

/** Collects the operations of a plan in their order, and the warnings that came up on the way. */
export class PlanBuilder {
  readonly ops: Op[] = [];
  readonly warnings: string[] = [];
  readonly #prefix: string;
  #next = 0;

  /** `prefix`: of the slots' names, where the operations go into another builder's plan. */
  constructor(prefix = '') {
    this.#prefix = prefix;
  }

  /** A slot name that nothing else in this plan has. */
  slot(stem: string): string {
    return `${this.#prefix}${stem}.${this.#next++}`;
  }

  add<K extends OpName>(side: Side, op: K, fields: Rest<K>, note: Note = {}): void {
    this.ops.push({ op, side, ...fields, ...note } as unknown as Op);
  }

  monitor<K extends OpName>(op: K, fields: Rest<K>, note?: Note): void {
    this.add('monitor', op, fields, note);
  }

  container<K extends OpName>(op: K, fields: Rest<K>, note?: Note): void {
    this.add('container', op, fields, note);
  }

  cleanup<K extends OpName>(op: K, fields: Rest<K>, note?: Note): void {
    this.add('cleanup', op, fields, note);
  }

  /** Makes a detached mount of a new file system and leaves it in a slot, which is returned. */
  fileSystem(type: string, data: readonly (readonly [string, string?])[], attrs: number, note: Note = {}, side: Side = 'container'): string {
    const fs = this.slot('fs');
    const mount = this.slot(type);
    this.add(side, 'fsopen', { into: fs, type }, note);
    for (const [key, value] of data) {
      if (value === undefined) this.add(side, 'fs-flag', { fs, key }, note);
      else this.add(side, 'fs-set', { fs, key, value }, note);
    }
    this.add(side, 'fs-create', { fs }, note);
    this.add(side, 'fsmount', { into: mount, fs, attrs }, note);
    this.add(side, 'close', { slot: fs });
    return mount;
  }
}
