/**
 * Outputs whose json-file log is compared byte for byte with a real Docker 28's. `bin/node test/clients/log-corpus.ts`
 * records them anew into log-corpus.json, with the Docker at hand (shared/peers).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { peers } from '../support/peers.ts';
import { projectDir } from '../support/paths.ts';
import { busyboxRootfs } from '../support/rootfs.ts';
import { runOk } from '../support/run.ts';

export const RECORDED = `${projectDir}/test/clients/log-corpus.json`;

const line = (length: number) => `head -c ${length} /dev/zero | tr '\\0' x; echo`;

/** Shell scripts, by name. What goes to both streams is held apart by pauses: the order of two pipes is nobody's promise. */
export const SCRIPTS: Readonly<Record<string, string>> = {
  nothing: 'true',
  'a line': 'echo hello',
  'empty lines': "printf '\\n\\n\\n'",
  'no newline at the end': "printf 'a\\nb'",
  'both streams': 'echo out; sleep 0.2; echo err >&2; sleep 0.2; echo out again',
  'unfinished lines of both streams': 'printf one; sleep 0.2; printf two >&2; sleep 0.2; echo; sleep 0.2; echo >&2',
  CRLF: "printf 'a\\r\\nb\\rc\\r\\n'",
  'control characters': "printf '\\001\\002\\007\\010\\011\\013\\014\\033[31m\\177\\n'",
  NUL: "printf 'a\\000b\\n'",
  'characters of JSON and HTML': `printf '"\\\\ / <b> & \\047\\n'`,
  'UTF-8': "printf 'h\\303\\251llo \\347\\256\\261 \\360\\237\\223\\246\\n'",
  'U+2028 and U+2029': "printf 'a\\342\\200\\250b\\342\\200\\251c\\342\\200\\247\\n'",
  'not UTF-8': "printf '\\377\\376 \\303( \\342\\202 \\355\\240\\200 \\300\\257 \\364\\220\\200\\200 \\357\\277\\275 \\342\\n'",
  'an unfinished character at the end': "printf 'a\\360\\237\\223'",
  '16383': line(16383),
  '16384': line(16384),
  '16385': line(16385),
  '32768': line(32768),
  '40000 and one more line': `${line(40000)}; echo next`,
  '16384 without newline': "head -c 16384 /dev/zero | tr '\\0' x",
  'a character across the limit': "head -c 16383 /dev/zero | tr '\\0' x; printf '\\303\\251y\\n'",
};

/** The log's text with every time as T. */
export const withoutTimes = (text: string) => text.replace(/"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z"/g, '"time":"T"');

/** Long runs of x, short: the file is to be read. */
export const shortened = (text: string) => text.replace(/x{100,}/g, (run) => `x{${run.length}}`);

async function record(): Promise<void> {
  const folder = mkdtempSync(`${tmpdir()}/kobako-corpus-`);
  const recorded: Record<string, string> = {};
  try {
    await peers(['clients', folder]);
    const env = { ...process.env, DOCKER_HOST: await peers(['docker']), DOCKER_CONFIG: folder };
    const docker = async (...args: string[]) => (await runOk(`${folder}/docker`, args, { env })).stdout.trim();
    await runOk('sh', ['-c', `tar -C ${await busyboxRootfs()} -c . | ${folder}/docker import - kobako-corpus`], { env });
    for (const [name, script] of Object.entries(SCRIPTS)) {
      for (const tty of [false, true]) {
        const id = await docker('run', '-d', '--network', 'none', ...(tty ? ['-t'] : []), 'kobako-corpus', 'sh', '-c', script);
        await docker('wait', id);
        const path = await docker('inspect', '-f', '{{.LogPath}}', id);
        const text = readFileSync(`${process.env['PEERS'] ?? '/var/tmp/peers'}/sid${path}`, 'utf8');
        recorded[tty ? `${name}, tty` : name] = shortened(withoutTimes(text));
        await docker('rm', id);
      }
    }
    writeFileSync(RECORDED, `${JSON.stringify(recorded, null, 2)}\n`);
  } finally {
    await peers(['down']);
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) await record();
