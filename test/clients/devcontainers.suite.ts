/** Dev containers: the reference implementation's command line, on small workspaces whose containers need no build. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { APP_IMAGES } from '../support/apps/images.ts';
import { projectDir, projectNode } from '../support/paths.ts';
import { run } from '../support/run.ts';
import { type AppsEngine, type AppsGround, freePort } from './apps-ground.ts';

/** What `up` says at its end. */
interface Up {
  readonly outcome: string;
  readonly containerId: string;
  readonly remoteUser: string;
  readonly remoteWorkspaceFolder: string;
  readonly composeProjectName?: string;
}

class Workspace {
  readonly #ground: AppsGround;
  readonly folder: string;

  /** `files`: texts by their path in the workspace; the first is its devcontainer.json's content. */
  constructor(ground: AppsGround, name: string, config: object, files: Readonly<Record<string, string>> = {}) {
    this.#ground = ground;
    this.folder = `${ground.folder}/${name}`;
    mkdirSync(`${this.folder}/.devcontainer`, { recursive: true });
    writeFileSync(`${this.folder}/.devcontainer/devcontainer.json`, JSON.stringify(config));
    for (const [path, text] of Object.entries(files)) writeFileSync(`${this.folder}/${path}`, text);
  }

  devcontainer(command: string, ...args: string[]) {
    const cli = `${projectDir}/node_modules/@devcontainers/cli/devcontainer.js`;
    const flags = ['--docker-path', this.#ground.program, '--workspace-folder', this.folder];
    return run(projectNode, [cli, command, ...flags, ...args], { env: { ...this.#ground.env, FROM_HERE: 'this machine' }, timeoutMs: 60_000 });
  }

  async up(...args: string[]): Promise<Up> {
    const { code, stdout, stderr } = await this.devcontainer('up', ...args);
    assert.equal(code, 0, `${stdout}\n${stderr.slice(-3000)}`);
    return JSON.parse(stdout) as Up;
  }

  /** A script in the container, which is to succeed; what it prints. */
  async sh(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.devcontainer('exec', 'sh', '-c', script);
    assert.equal(code, 0, `${stdout}\n${stderr.slice(-3000)}`);
    return stdout.trimEnd();
  }
}

export function devcontainersSuite({ name, skip, open }: AppsEngine): void {
  describe(`dev containers on ${name}`, { skip, concurrency: false }, () => {
    let ground: AppsGround;
    let workspace: Workspace;
    let port = 0;
    let first: Up;
    const docker = async (...args: string[]) => (await ground.docker(args)).stdout.trimEnd();

    before(async () => {
      ground = await open(['node', 'redis']);
      port = await freePort();
      const config = {
        name: 'small',
        image: APP_IMAGES.node,
        remoteUser: 'node',
        updateRemoteUserUID: false, // else an image is built
        init: true,
        containerEnv: { STAGE: 'development' },
        remoteEnv: { SEEN: '${containerEnv:STAGE} on ${localEnv:FROM_HERE}' },
        mounts: ['source=kobako-dev-cache,target=/home/node/.cache,type=volume', { type: 'bind', source: '${localWorkspaceFolder}/shared', target: '/shared' }],
        runArgs: ['--hostname=devbox'],
        appPort: [`${port}:3000`],
        forwardPorts: [3000],
        initializeCommand: 'mkdir -p shared && echo $FROM_HERE > shared/from-host',
        onCreateCommand: 'echo created >> /tmp/life',
        postCreateCommand: { one: 'echo "$STAGE $(id -un) $(cat /shared/from-host)" > made.txt', two: ['touch', 'also made'] },
        postStartCommand: 'echo started >> /tmp/life',
        postAttachCommand: 'echo attached >> /tmp/life',
      };
      workspace = new Workspace(ground, 'small', config, { 'app.js': "require('http').createServer((_, r) => r.end('from the workspace')).listen(3000);\n" });
      // a checkout has its user's files; the container's `node` is to write there
      await run('chown', ['-R', '1000:1000', workspace.folder]);
    });
    after(async () => {
      await ground?.docker(['volume', 'rm', '-f', 'kobako-dev-cache']);
      await ground?.end();
    });

    test('up: a container of an image, its mounts, its environment, its commands', async () => {
      first = await workspace.up();
      assert.deepEqual([first.outcome, first.remoteUser, first.remoteWorkspaceFolder], ['success', 'node', '/workspaces/small']);
      assert.equal(readFileSync(`${workspace.folder}/made.txt`, 'utf8'), 'development node this machine\n');
      assert.equal(await docker('inspect', '-f', '{{index .Config.Labels "devcontainer.local_folder"}}', first.containerId), workspace.folder);
    });

    test('exec: in the workspace, as the user, with the environment; exit codes', async () => {
      assert.equal(
        await workspace.sh('echo $(id -un) $(pwd) $(hostname) $SEEN; ls; cat /tmp/life'),
        ['node /workspaces/small devbox development on this machine', 'also made\napp.js\nmade.txt\nshared', 'created\nstarted\nattached'].join('\n'),
      );
      assert.equal((await workspace.devcontainer('exec', 'node', '-e', 'process.exit(7)')).code, 7);
      await workspace.sh('echo text > "from inside" && echo kept > ~/.cache/kept');
      assert.equal(readFileSync(`${workspace.folder}/from inside`, 'utf8'), 'text\n');
    });

    test('its port, for a program that is started in it', async () => {
      const said = await workspace.sh('setsid node app.js >/dev/null 2>&1 & for i in $(seq 50); do wget -qO- http://127.0.0.1:3000 && break; sleep 0.1; done');
      assert.equal(said, 'from the workspace');
      const response = await fetch(`http://${ground.address}:${port}/`);
      assert.equal(await response.text(), 'from the workspace');
    });

    test('up again: the same container, running or stopped; with a flag a new one, whose volume has what was kept', async () => {
      assert.equal((await workspace.up()).containerId, first.containerId);
      await docker('stop', '-t', '1', first.containerId);
      assert.equal((await workspace.up()).containerId, first.containerId);
      assert.equal(await workspace.sh('cat /tmp/life'), 'created\nstarted\nattached\nattached\nstarted\nattached');
      const second = await workspace.up('--remove-existing-container');
      assert.notEqual(second.containerId, first.containerId);
      assert.equal(await docker('ps', '-aq', '--no-trunc', '--filter', `label=devcontainer.local_folder=${workspace.folder}`), second.containerId);
      assert.equal(await workspace.sh('cat ~/.cache/kept'), 'kept');
    });

    test('a workspace that is a service of a compose project, beside another', async () => {
      const config = {
        name: 'composed',
        dockerComposeFile: 'compose.yaml',
        service: 'app',
        workspaceFolder: '/work',
        remoteUser: 'node',
        updateRemoteUserUID: false,
      };
      const compose = {
        services: {
          app: { image: APP_IMAGES.node, command: 'sleep infinity', init: true, volumes: ['..:/work'], depends_on: ['cache'] },
          cache: { image: APP_IMAGES.redis },
        },
      };
      const composed = new Workspace(ground, 'composed', config, { '.devcontainer/compose.yaml': JSON.stringify(compose), seen: 'by bind\n' });
      const up = await composed.up();
      assert.equal(up.remoteWorkspaceFolder, '/work');
      assert.equal(await composed.sh('cat seen; echo ping | nc cache 6379 | head -1'), 'by bind\n+PONG');
      const { code, stderr } = await ground.docker(['compose', '-p', up.composeProjectName!, 'down', '-v', '-t', '1']);
      assert.equal(code, 0, stderr);
    });
  });
}
