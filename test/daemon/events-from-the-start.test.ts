/**
 * A command for events hears of what has happened since it was started, although it asks later: the dev containers' command
 * line starts `docker events` and `docker run` in one breath, and waits for the start of the one in the answer of the other.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { daemonForAll } from '../support/daemon.ts';
import { projectNode } from '../support/paths.ts';

const daemon = await daemonForAll();

/** Says that it is there, waits for a word, and then asks; prints the ids of containers that started until one was named `last`. */
const LATE = `
  const { request } = require('node:http');
  console.log('here');
  process.stdin.once('data', () => {
    request({ socketPath: process.argv[2], path: '/v1.51/events?filters=' + encodeURIComponent('{"event":["start"]}') }, (answer) => {
      console.log('asked');
      answer.setEncoding('utf8').on('data', (lines) => {
        for (const line of lines.trim().split('\\n')) {
          const { name } = JSON.parse(line).Actor.Attributes;
          if (name === 'last') process.exit();
          console.log(name);
        }
      });
    }).end();
  });
`;

async function heardBy(word: string): Promise<string[]> {
  await daemon.run({ Cmd: ['true'] }, `before-${word}`);
  const child = spawn(projectNode, ['-e', LATE, '--', word, daemon.socket], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    await daemon.run({ Cmd: ['true'] }, `meanwhile-${word}`);
    const all = text(child.stdout);
    child.stdin.write('go');
    await once(child.stdout, 'data');
    await daemon.run({ Cmd: ['true'] }, 'last');
    return (await all).trim().split('\n').slice(1);
  } finally {
    child.kill('SIGKILL');
    await daemon.api.ask('DELETE', '/v1.51/containers/last?force=1');
  }
}

test('what has happened since the command was started, and nothing before', async () => {
  assert.deepEqual(await heardBy('events'), ['meanwhile-events']);
});

test('another program hears of what comes', async () => {
  assert.deepEqual(await heardBy('others'), []);
});
