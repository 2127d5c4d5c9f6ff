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
  #next = 0;

  /** A slot name that nothing else in this plan has. */
  slot(stem: string): string {
    return `${stem}.${this.#next++}`;
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
  fileSystem(type: string, data: readonly (readonly [string, string?])[], attrs: number, note: Note = {}): string {
    const fs = this.slot('fs');
    const mount = this.slot(type);
    this.container('fsopen', { into: fs, type }, note);
    for (const [key, value] of data) {
      if (value === undefined) this.container('fs-flag', { fs, key }, note);
      else this.container('fs-set', { fs, key, value }, note);
    }
    this.container('fs-create', { fs }, note);
    this.container('fsmount', { into: mount, fs, attrs }, note);
    this.container('close', { slot: fs });
    return mount;
  }
}
