import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, test } from 'node:test';
import type { Program } from '../commands.ts';
import type { CliContext } from '../context.ts';
import { dispatch } from '../dispatch.ts';
import { completeNames, completionGroup } from './commands.ts';

const run = async () => 0;
const common = { run, usage: '', help: "It's a command: of `some` $kind", failure: 1 };
const PROGRAM: Program = {
  name: 'tool',
  version: '1',
  help: 'A tool',
  flags: [{ name: 'config', kind: 'value', help: 'Where', complete: 'folder' }],
  configure: (_, context) => context,
  commands: {
    run: {
      ...common,
      flags: [
        { name: 'tty', short: 't', kind: 'flag', help: 'Terminal' },
        { name: 'env', short: 'e', kind: 'list', help: 'Variable', complete: 'none' },
        { name: 'pull', kind: 'value', help: 'When', complete: ['always', 'missing', 'never'] },
        { name: 'file', kind: 'value', help: 'A file' },
        { name: 'link', kind: 'value', help: 'A container', complete: 'container' },
      ],
      flagsFirst: true,
      complete: ['image', 'none'],
    },
    rm: { ...common, complete: ['container'] },
    box: {
      help: 'Boxes',
      aliases: ['crate'],
      commands: { ls: { ...common, aliases: ['list'], flags: [{ name: 'all', short: 'a', kind: 'flag', help: 'All' }], complete: ['none'] } },
    },
    hidden: { ...common, group: 'hidden' },
    completion: completionGroup(() => PROGRAM),
    __complete: completeNames({
      container: async () => ['web', 'db', 'bad\u001bname'],
      image: async () => {
        throw new Error('no engine');
      },
    }),
  },
};

async function output(...argv: string[]): Promise<string> {
  let text = '';
  const context = { stdout: { write: (more: string) => ((text += more), true) }, stderr: { write: assert.fail }, env: {} } as unknown as CliContext;
  assert.equal(await dispatch(PROGRAM, argv, context), 0);
  return text;
}

const has = (shell: string) => spawnSync(shell, ['-c', 'exit 0']).status === 0;

/** What each command line is completed to. */
const LINES: readonly [line: string, words: readonly string[]][] = [
  ['tool ', ['run', 'rm', 'box', 'completion']],
  ['tool r', ['run', 'rm']],
  ['tool box ', ['ls']],
  ['tool crate l', ['ls']],
  ['tool rm ', ['web', 'db', 'redis:7', 'redis:8']],
  ['tool rm web d', ['db']],
  ['tool run red', ['redis:7', 'redis:8']],
  ['tool run redis:7 ', []],
  ['tool run redis:7 -', []],
  ['tool run -te ', []],
  ['tool run -e A=1 red', ['redis:7', 'redis:8']],
  ['tool run --pull ', ['always', 'missing', 'never']],
  ['tool run --pull=m', ['missing']],
  ['tool run --link we', ['web']],
  ['tool run --p', ['--pull']],
  ['tool box list --a', ['--all']],
  ['tool --config /x rm we', ['web']],
  ['tool completion b', ['bash']],
];

describe('completion', () => {
  test('names: what can be had, and nothing that is no word', async () => {
    assert.equal(await output('__complete', 'container'), 'web\ndb\n');
    for (const kind of ['image', 'volume', 'constructor', '']) assert.equal(await output('__complete', kind), '');
  });

  test('bash', { skip: has('bash') ? false : 'there is no bash on this machine' }, async () => {
    const script = await output('completion', 'bash');
    const driver = `${script}
tool() { [[ $1 == __complete ]] && printf '%s\\n' web db redis:7 redis:8; }
while IFS= read -r line; do
  COMP_LINE=$line COMP_POINT=\${#line}
  COMP_WORDBREAKS=$' \\t\\n"\\'><;|&(:' # without = and with the colon
  _tool 2>&1
  printf '%s|' "\${COMPREPLY[@]}"; echo
done`;
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', driver], { input: LINES.map(([line]) => `${line}\n`).join(''), encoding: 'utf8' });
    const answers = stdout.split('\n').map((line) => line.split('|').filter(Boolean));
    assert.equal(stderr, '');
    for (const [i, [line, words]] of LINES.entries()) {
      const whole = line.includes('--pull=') ? words.map((word) => `--pull=${word}`) : words;
      assert.deepEqual(answers[i], whole, line);
    }
  });

  test('bash: after a colon it puts in what is missing', { skip: has('bash') ? false : 'there is no bash on this machine' }, async () => {
    const driver = `${await output('completion', 'bash')}
tool() { printf '%s\\n' web redis:7 redis:8; }
COMP_LINE='tool rm redis:'; COMP_POINT=\${#COMP_LINE}; _tool; echo "\${COMPREPLY[@]}"`;
    assert.equal(spawnSync('bash', ['--norc', '-c', driver], { encoding: 'utf8' }).stdout, '7 8\n');
  });

  test('zsh', { skip: has('zsh') ? false : 'there is no zsh on this machine' }, async () => {
    // zsh's own parts, which filter by what was typed, are stood in for
    const driver = `compdef() { :; }
compadd() { print -rn -- "\${(j:|:)\${(@P)2}}" }
_describe() { print -rn -- "\${(j:|:)\${(@)\${(@P)\${@[-1]}}%%:*}}" }
_files() { :; }
_message() { :; }
compset() { :; }
tool() { printf '%s\\n' web db redis:7 redis:8; }
${await output('completion', 'zsh')}
while IFS= read -r line; do
  words=(\${=line})
  [[ $line == *' ' ]] && words+=('')
  CURRENT=\${#words}
  _tool; print
done`;
    const { stdout, stderr } = spawnSync('zsh', ['-f', '-c', driver], { input: LINES.map(([line]) => `${line}\n`).join(''), encoding: 'utf8' });
    assert.equal(stderr, '');
    const answers = stdout.split('\n').map((line) => line.split('|').filter(Boolean));
    for (const [i, [line, words]] of LINES.entries()) {
      const typed = line.slice(line.lastIndexOf(' ') + 1).replace(/^--\w+=/, '');
      assert.deepEqual(
        answers[i]!.filter((word) => word.startsWith(typed)),
        words,
        line,
      );
    }
  });

  test('fish', { skip: has('fish') ? false : 'there is no fish on this machine' }, async (t) => {
    const folder = mkdtempSync(`${tmpdir()}/kobako-fish-`);
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(`${folder}/tool.fish`, await output('completion', 'fish'));
    for (const [line, words] of LINES) {
      const script = `function tool; printf '%s\\n' web db redis:7 redis:8; end; source ${folder}/tool.fish; complete -C ${JSON.stringify(line)}`;
      const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', script], { encoding: 'utf8', cwd: folder, env: { ...process.env, HOME: folder } });
      const found = stdout
        .split('\n')
        .filter(Boolean)
        .map((each) => each.split('\t')[0]!.replace(/^--pull=/, ''));
      assert.deepEqual([found.toSorted(), stderr], [words.toSorted(), ''], line);
    }
  });
});
