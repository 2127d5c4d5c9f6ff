/**
 * `bin/node bench/idle.ts [RUNS]`: memory of a daemon that has nothing to do, with all processes below it: as it starts,
 * and a few seconds after so many containers have run, ours beside a real dockerd 28 with its containerd where one is at
 * hand. Then how long `openEngine()` takes in a program of its own, and `run` of `true` to its end there. MB and
 * milliseconds; one line of JSON.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as Kobako from '../src/index.ts';
import { noPeers } from '../test/support/peers.ts';
import { projectDir } from '../test/support/paths.ts';
import { busyboxRootfs } from '../test/support/rootfs.ts';
import { runOk } from '../test/support/run.ts';
import { benchFolder } from './cleanup.ts';
import { agent, call, type Contestant, dockerd, idOf, kobako, median, timed } from './contestants.ts';

const RUNS = Number(process.argv[2] ?? 100);
const IMAGE = 'bench-busybox';
/** Until what is freed in the background is free. */
const REST_MS = 5000;

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function processes(): Process[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const pid = Number(name);
      const parent = Number(
        readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')[1],
      );
      return [{ pid, parent, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
    } catch {
      return []; // no process, or one that has just gone
    }
  });
}

/** MB: resident, and of that what is its own (each shared page is divided among those that share it). */
function memory(folder: string, { name }: Contestant): { rss: number; pss: number } {
  const all = processes();
  const isDaemon = ({ command }: Process) =>
    command.includes(folder) && (name === 'kobako' ? / daemon --data-root /.test(command) : /^\S*dockerd /.test(command));
  const found = all.filter(isDaemon);
  for (const each of found) found.push(...all.filter(({ pid, parent }) => parent === each.pid && !found.some((known) => known.pid === pid)));
  const of = (field: string) =>
    found.reduce((sum, { pid }) => sum + Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0), 0) /
    1024;
  return { rss: of('Rss'), pss: of('Pss') };
}

async function runs({ socket }: Contestant): Promise<void> {
  for (let run = 0; run < RUNS; run++) {
    const id = idOf(await call(socket, 'POST', '/containers/create', { Image: IMAGE, Cmd: ['true'], HostConfig: { NetworkMode: 'none' } }));
    await call(socket, 'POST', `/containers/${id}/start`);
    await call(socket, 'POST', `/containers/${id}/wait`);
    await call(socket, 'DELETE', `/containers/${id}?force=1`);
  }
}

const rows: { task: string; name: string; value: number; unit: string }[] = [];
function report(task: string, name: string, value: number, unit: string): void {
  rows.push({ task, name, value, unit });
  console.log(`${task.padEnd(48)}${name.padEnd(12)}${value.toFixed(1).padStart(8)} ${unit}`);
}

async function daemons(folder: string): Promise<void> {
  const missing = noPeers();
  if (missing !== undefined) console.log(missing);
  const contestants = [await kobako(folder), ...(missing === undefined ? [await dockerd(folder)] : [])];
  const tell = (when: string) => {
    for (const contestant of contestants) {
      const { rss, pss } = memory(folder, contestant);
      report(`idle, ${when}: resident`, contestant.name, rss, 'MB');
      report(`idle, ${when}: its own`, contestant.name, pss, 'MB');
    }
  };
  try {
    await sleep(REST_MS);
    tell('just started');
    await runOk('tar', ['-C', await busyboxRootfs(), '-cf', `${folder}/busybox.tar`, '.']);
    for (const contestant of contestants) {
      await call(contestant.socket, 'POST', `/images/create?fromSrc=-&repo=${IMAGE}`, readFileSync(`${folder}/busybox.tar`));
      await runs(contestant);
    }
    await sleep(REST_MS);
    tell(`after ${RUNS} runs`);
  } finally {
    agent.destroy();
    for (const contestant of contestants) await contestant.end();
  }
}

/** The bundle as it is shipped. */
async function inProcess(folder: string): Promise<void> {
  const began = performance.now();
  const { DEFAULT_RUN, openEngine } = createRequire(import.meta.url)(`${projectDir}/dist/index.cjs`) as typeof Kobako;
  report('in-process: the bundle is loaded', 'kobako', performance.now() - began, 'ms');
  const options = { ...DEFAULT_RUN, rootfs: { path: await busyboxRootfs(), overlay: true }, args: ['true'], autoRemove: true, logDriver: 'none' as const };
  for (const owner of [false, true]) {
    const who = owner ? 'owns its data root' : 'shares it';
    const state = `${folder}/state-${owner}`;
    const opening = performance.now();
    await using engine = openEngine({ stateDir: state, owner });
    report(`in-process, ${who}: openEngine()`, 'kobako', performance.now() - opening, 'ms');
    const samples: number[] = [];
    for (let run = 0; run < RUNS; run++) samples.push(await timed(async () => void (await (await engine.run(options)).wait())));
    report(`in-process, ${who}: the first run`, 'kobako', samples[0]!, 'ms');
    report(`in-process, ${who}: a run, median`, 'kobako', median(samples), 'ms');
    report(`in-process, ${who}: a run, quickest`, 'kobako', Math.min(...samples), 'ms');
  }
}

const { folder, remove } = benchFolder();
try {
  await inProcess(folder);
  await daemons(folder);
  console.log(JSON.stringify(rows));
} finally {
  await remove();
}
