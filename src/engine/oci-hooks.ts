/** The hooks that belong to the host's side. */
import { existsSync } from 'node:fs';
import { runHook } from '../kernel/linux/hooks.ts';
import type { Spec } from '../runtime/spec.ts';
import { stateDocument, type OciRecord, type OciStatus } from './oci-state.ts';

/** prestart and createRuntime, in this order: the first that fails is thrown, and the container is given up. */
export function runCreateHooks(record: OciRecord, spec: Spec, pid: number): void {
  const state = JSON.stringify({ ...stateDocument(record, 'creating', spec), pid });
  for (const name of ['prestart', 'createRuntime'] as const) {
    (spec.hooks?.[name] ?? []).forEach((hook, index) => runHook(`${name} hook #${index}`, hook, state, record.bundle));
  }
}

/** poststart and poststop: a failure is told and changes nothing. */
export function runLateHooks(name: 'poststart' | 'poststop', record: OciRecord, spec: Spec, warn: (text: string) => void): void {
  const status: OciStatus = name === 'poststart' ? 'running' : 'stopped';
  const state = JSON.stringify(stateDocument(record, status, spec));
  (spec.hooks?.[name] ?? []).forEach((hook, index) => {
    try {
      runHook(`${name} hook #${index}`, hook, state, existsSync(record.bundle) ? record.bundle : '/');
    } catch (error) {
      warn((error as Error).message);
    }
  });
}
