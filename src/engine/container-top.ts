/** Use case: the processes of a container, as ps(1) shows them. No ps is needed: it is read from /proc. */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { EngineError } from '../base/errors.ts';
import { processFacts, uptime } from '../kernel/linux/process-facts.ts';
import { emitContainer } from './container-events.ts';
import type { ContainerRecord } from './container-record.ts';
import { controlGroups, isRunning } from './container-stop.ts';
import type { EngineParts } from './parts.ts';
import { psColumns } from './ps-arguments.ts';
import type { PsContext } from './ps-columns.ts';

const DEFAULT_ARGUMENTS = '-ef';

export async function containerTop(
  parts: EngineParts,
  record: ContainerRecord,
  psArgs: string | undefined,
): Promise<{ Titles: string[]; Processes: string[][] }> {
  const columns = psColumns(psArgs || DEFAULT_ARGUMENTS);
  if (!isRunning(parts, record)) {
    const waits = parts.store.load(record.id)?.restarting;
    throw new EngineError(
      'conflict',
      waits ? `Container ${record.id} is restarting, wait until the container is running` : `container ${record.id} is not running`,
    );
  }
  const { driver, files } = controlGroups(parts);
  const context = psContext();
  const processes = driver.processes(files, record.cgroupsPath).flatMap((pid) => {
    const facts = processFacts(pid);
    return facts === undefined ? [] : [columns.map(({ value }) => value(facts, context))];
  });
  emitContainer(parts, record, 'top');
  return { Titles: columns.map(({ title }) => title), Processes: processes };
}

function psContext(): PsContext {
  const [users, groups] = [namesIn('/etc/passwd'), namesIn('/etc/group')];
  return {
    now: Date.now(),
    uptime: uptime(),
    memory: totalmem() / 1024,
    userName: (uid) => users().get(uid) ?? String(uid),
    groupName: (gid) => groups().get(gid) ?? String(gid),
  };
}

/** Names by number, of this machine's accounts, read when they are first needed. */
function namesIn(path: string): () => ReadonlyMap<number, string> {
  let names: ReadonlyMap<number, string> | undefined;
  return () => (names ??= read(path));
}

function read(path: string): ReadonlyMap<number, string> {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    // the first of several names counts
    return new Map(
      lines
        .toReversed()
        .map((line) => line.split(':'))
        .map(([name = '', , number]) => [number ? Number(number) : -1, name]),
    );
  } catch {
    return new Map();
  }
}
