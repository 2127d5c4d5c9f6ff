/** Looks into the root file system of an image or a container without running anything of it. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { PlanFailure } from '../kernel/contract.ts';
import type { RootSource } from '../runtime/contract.ts';
import { describeFailure } from '../runtime/failure.ts';
import { planView, type ProcessRoot, type ViewOptions } from '../runtime/view-plan.ts';
import type { EngineParts } from './parts.ts';

/**
 * Mounts a root in a mount namespace of its own for as long as `use` takes. The path that it gets names the mounted root;
 * what lies below may be hostile: links in it are absolute to this machine, so resolve with care (`readInRoot`).
 */
export async function withView<T>(
  { runner, machine }: EngineParts,
  scratch: string,
  rootAt: (mountPoint: string) => RootSource | ProcessRoot,
  use: (path: string) => Promise<T>,
  options: ViewOptions = {},
): Promise<T> {
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const mountPoint = mkdtempSync(`${scratch}/view-`);
  try {
    const plan = planView(rootAt(mountPoint), machine, options);
    const running = runner.run(plan);
    try {
      const pid = await running.waiting.catch((error: unknown) => {
        throw error instanceof PlanFailure ? describeFailure(plan, error) : error;
      });
      return await use(`/proc/${pid}/root/.`);
    } finally {
      running.abort();
      await running.closed;
    }
  } finally {
    rmSync(mountPoint, { recursive: true, force: true });
  }
}

/** As `withView`, for something that gives piece by piece: the view is there until that has ended. */
export async function* fromView<P, T>(withPlace: (use: (place: P) => Promise<void>) => Promise<void>, read: (place: P) => AsyncIterable<T>): AsyncGenerator<T> {
  const opened = Promise.withResolvers<P>();
  const done = Promise.withResolvers<void>();
  const view = withPlace((place) => {
    opened.resolve(place);
    return done.promise;
  });
  view.catch((error: unknown) => opened.reject(error));
  try {
    yield* read(await opened.promise);
  } finally {
    done.resolve();
    await view;
  }
}
