/** A whole application under `docker compose`: brought up, used, changed, killed and taken down. The tests go in their order. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { until } from '../support/monitored.ts';
import type { AppsEngine, AppsGround } from './apps-ground.ts';
import { ComposeProject, jsonLines } from './compose-project.ts';

export function composeSuite({ name, skip, open }: AppsEngine): void {
  describe(`docker compose on ${name}`, { skip, concurrency: false }, () => {
    let ground: AppsGround | undefined;
    let app: ComposeProject;
    let volumesBefore = '';
    let isUp = false;
    const step = (title: string, work: () => Promise<void>) => test(title, (t) => (isUp ? work() : t.skip('the application did not come up')));
    const sh = (service: string, script: string, ...flags: string[]) => app.ok(['exec', '-T', ...flags, service, 'sh', '-c', script]);

    before(async () => {
      ground = await open(['postgres', 'redis', 'nginx', 'node']);
      app = await ComposeProject.create(ground, 'kobako-app');
      volumesBefore = await app.docker('volume', 'ls', '-q');
    });
    after(() => ground?.end());

    test('config: what the project is', async () => {
      const config = JSON.parse(await app.ok(['config', '--format', 'json'])) as { services: Record<string, { environment?: Record<string, string> }> };
      assert.deepEqual(Object.keys(config.services).toSorted(), ['cache', 'db', 'proxy', 'web']);
      assert.equal(config.services['web']!.environment!['PGUSER'], 'app');
      assert.equal(await app.ok(['config', '--profiles']), 'tools');
      assert.deepEqual((await app.ok(['config', '--volumes'])).split('\n').toSorted(), ['cache-data', 'db-data']);
    });

    test('up --wait: each service after those that it depends on are healthy; visits are counted and kept', async () => {
      await app.ok(['up', '-d', '--wait', '--no-build']);
      isUp = true;
      assert.deepEqual([(await app.visit()).hits, (await app.visit()).hits], [1, 2]);
      assert.deepEqual(await app.visits(), { hits: 2, rows: 2 });
      const started = async (service: string) => Date.parse(await app.docker('inspect', '-f', '{{.State.StartedAt}}', (await app.ids(service))[0]!));
      assert.ok((await started('db')) < (await started('web')) && (await started('web')) < (await started('proxy')));
    });

    step('nginx finds both web servers by one name', async () => {
      assert.deepEqual(
        await app.hosts(2),
        (await app.ids('web')).map((id) => id.slice(0, 12)),
      );
    });

    step('ps, ls, port, top, images: what is there', async () => {
      const rows = (await app.ps()).toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
      assert.deepEqual(
        rows.map(({ Name, Service, State, Health }) => [Name, Service, State, Health]),
        [
          ['kobako-app-cache-1', 'cache', 'running', 'healthy'],
          ['kobako-app-db-1', 'db', 'running', 'healthy'],
          ['kobako-app-proxy-1', 'proxy', 'running', ''],
          ['kobako-app-web-1', 'web', 'running', 'healthy'],
          ['kobako-app-web-2', 'web', 'running', 'healthy'],
        ],
      );
      const proxy = rows[2]!.Publishers!.filter(({ PublishedPort }) => PublishedPort > 0);
      assert.ok(proxy.length > 0 && proxy.every(({ TargetPort, Protocol }) => TargetPort === 80 && Protocol === 'tcp'), JSON.stringify(proxy));
      assert.match(await app.ok(['port', 'proxy', '80']), new RegExp(`:${proxy[0]!.PublishedPort}$`));
      assert.deepEqual(await app.ok(['ps', '--services', '--status', 'running']).then((text) => text.split('\n').toSorted()), ['cache', 'db', 'proxy', 'web']);
      assert.deepEqual(await app.ps('--status', 'exited', '-a'), []);
      const [project] = JSON.parse(await app.ok(['ls', '--format', 'json'])) as { Name: string; Status: string }[];
      assert.deepEqual([project!.Name, project!.Status], ['kobako-app', 'running(5)']);
      assert.match(await app.ok(['top', 'db']), /postgres: checkpointer/);
      assert.match(await app.ok(['images', 'db']), /kobako-test\/postgres +debian/);
    });

    step('a port of its own for each web server, chosen by the engine', async () => {
      const answers = [1, 2].map(async (index) => {
        const port = (await app.ok(['port', '--index', String(index), 'web', '3000'])).split(':').at(-1);
        return (await app.get<{ host: string }>('/message', `http://${app.ground.address}:${port}`))?.host;
      });
      assert.deepEqual(
        (await Promise.all(answers)).toSorted(),
        (await app.ids('web')).map((id) => id.slice(0, 12)),
      );
    });

    step('names: services, aliases, a static address, extra hosts; what is on another network is not found', async () => {
      const address = (name: string) => `$(getent ahostsv4 ${name} | awk '$2 == "STREAM" { print $1 }' | sort -u | tr '\\n' ' ')`;
      const [db, cache, extra, gateway] = (
        await sh(
          'web',
          `echo ${address('db')} ${address('database')}; echo ${address('cache')}; echo ${address('elsewhere.example')}; echo ${address('host.docker.internal')}`,
        )
      ).split('\n');
      assert.equal(db, `${app.back}.10 ${app.back}.10`);
      assert.ok(cache!.startsWith(`${app.back}.`), cache);
      assert.equal(extra, '10.213.99.99');
      assert.match(gateway!, /^\d+\.\d+\.\d+\.1$/);
      assert.equal((await sh('proxy', `echo ${address('web')}`)).split(' ').length, 2);
      assert.match(await sh('web', `echo ${address('www.example.test')}`), /^\d+\.\d+\.\d+\.\d+$/);
      assert.equal((await app.run(['exec', '-T', 'proxy', 'getent', 'hosts', 'db'])).code, 2);
      assert.equal((await app.run(['exec', '-T', 'proxy', 'nc', '-z', '-w', '1', `${app.back}.10`, '5432'])).code, 1);
      assert.match(await sh('db', 'nslookup web 127.0.0.11'), new RegExp(`Address: +${app.back}\\.`));
    });

    step('an internal network has no way out, another one has', async () => {
      const defaults = (service: string) => sh(service, 'awk \'$2 == "00000000"\' /proc/net/route | wc -l');
      assert.deepEqual([await defaults('db'), await defaults('web')], ['0', '1']);
    });

    step('secrets, configs of a file and of text, env_file, tmpfs, labels, an init', async () => {
      assert.equal(
        await sh('web', 'cat /run/secrets/db-password; cat /app/about.txt; echo $PGUSER $GREETING'),
        'not a secret: for tests\nmade by kobako-app\napp hello',
      );
      assert.match(await sh('web', 'grep " /scratch " /proc/mounts; cat /proc/1/comm'), /^tmpfs \/scratch tmpfs .*size=1024k.*\n(?!node)/);
      assert.equal(await app.docker('ps', '--filter', 'label=app.role=cache', '--format', '{{.Names}}'), 'kobako-app-cache-1');
      assert.equal(await app.docker('volume', 'ls', '-q', '--filter', 'label=app.volume=db'), 'kobako-app_db-data');
      assert.equal(await app.docker('network', 'inspect', '-f', '{{.Internal}} {{(index .IPAM.Config 0).Subnet}}', 'kobako-app_back'), `true ${app.back}.0/24`);
      assert.equal(await app.docker('network', 'ls', '-q', '--filter', 'label=app.network=front', '--format', '{{.Name}}'), 'kobako-app_front');
    });

    step('logs: of one service, and followed over all of them', async () => {
      assert.match(await app.ok(['logs', '--no-log-prefix', 'db']), /(?:ready to accept connections[^]*){2}/);
      assert.match(await app.ok(['logs', 'web']), /^web-[12] +\| [0-9a-f]{12} listens$/m);
      const logs = app.follow(['logs', '-f', '--tail', '0']);
      try {
        await logs.shows(/^proxy-1 +\| .*"GET \/message\?followed /m, () => app.get('/message?followed'));
      } finally {
        await logs.end();
      }
    });

    step('exec: exit code, input, user, environment, folder, one of several', async () => {
      assert.equal((await app.run(['exec', '-T', 'web', 'sh', '-c', 'exit 9'])).code, 9);
      assert.equal(await app.ok(['exec', '-T', 'cache', 'cat'], { input: 'typed' }), 'typed');
      assert.equal(await sh('web', 'echo $(id -un) $A $(pwd)', '-u', 'root', '-e', 'A=b', '-w', '/tmp'), 'root b /tmp');
      assert.equal(await sh('web', 'hostname', '--index', '2'), await app.docker('inspect', '-f', '{{.Config.Hostname}}', 'kobako-app-web-2'));
    });

    step('run --rm: a service of a profile, beside the others', async () => {
      const { rows } = await app.visits();
      assert.equal(await app.ok(['run', '--rm', '-T', 'psql', '-c', 'SELECT count(*) FROM visits']), String(rows));
      assert.deepEqual(await app.ids('psql'), []);
    });

    step('scale: two more web servers, and two fewer', async () => {
      await app.ok(['up', '-d', '--wait', '--no-build', '--no-recreate', '--scale', 'web=4']);
      assert.deepEqual(
        await app.hosts(4),
        (await app.ids('web')).map((id) => id.slice(0, 12)),
      );
      await app.ok(['scale', 'web=2']);
      const left = (await app.ids('web')).map((id) => id.slice(0, 12));
      assert.equal(left.length, 2);
      // nginx asks again after a second
      await until('only those that are left answer', async () => {
        const answers = await Promise.all(Array.from({ length: 12 }, () => app.get<{ host: string }>('/message')));
        return answers.every((answer) => answer !== undefined && left.includes(answer.host));
      });
    });

    step('up with another value: the web servers alone are made anew', async () => {
      const before = [await app.ids('db'), await app.ids('web'), await app.names('web')];
      await app.ok(['up', '-d', '--wait', '--no-build'], { env: { GREETING: 'moin' } });
      assert.equal((await app.visit()).greeting, 'moin');
      assert.deepEqual(await app.ids('db'), before[0]);
      assert.equal(
        (await app.ids('web')).some((id) => before[1]!.includes(id)),
        false,
      );
      assert.deepEqual(await app.names('web'), before[2]);
    });

    step('restart: with what they had', async () => {
      const { hits, rows } = await app.visits();
      await app.ok(['restart', '-t', '5', 'cache', 'web']);
      await until('the visits are counted again', async () => (await app.get<{ hits: number }>('/visits'))?.hits === hits);
      assert.equal((await app.visits()).rows, rows);
    });

    step('stop and start: nothing answers between, nothing is lost', async () => {
      const had = await app.visits();
      await app.ok(['stop', '-t', '5']);
      assert.equal(await app.get('/message'), undefined);
      assert.deepEqual([...new Set((await app.ps('-a')).map(({ State }) => State))], ['exited']);
      await app.ok(['start']);
      await until('the application answers', async () => (await app.get('/visits')) !== undefined);
      assert.deepEqual(await app.visits(), had);
    });

    step('kill -9 of the database: it comes back by itself at its address, with every row that was answered', async () => {
      const [id] = await app.ids('db');
      const pid = async () => Number(await app.docker('inspect', '-f', '{{.State.Pid}}', id!));
      let answered = (await app.visits()).rows;
      let killed = false;
      const visiting = Promise.all(
        [1, 2, 3].map(async () => {
          while (!killed) if ((await app.get('/')) !== undefined) answered++;
        }),
      );
      const first = await pid();
      await until('visits are on their way', async () => (await app.visits()).rows > 20);
      process.kill(first, 'SIGKILL');
      killed = true;
      await visiting;
      // its other processes go a moment after the first: an answer now may be one of theirs
      await until('it runs again', async () => (await app.docker('inspect', '-f', '{{.RestartCount}} {{.State.Status}}', id!)) === '1 running');
      assert.notEqual(await pid(), first);
      await until('the database answers', async () => (await app.get('/visits')) !== undefined);
      const { rows } = await app.visits();
      assert.ok(rows >= answered, `${answered} visits were answered, ${rows} rows are kept`);
      assert.match(await app.ok(['logs', '--no-log-prefix', 'db']), /database system was not properly shut down; automatic recovery in progress/);
      assert.equal(await sh('web', "getent ahostsv4 db | awk 'NR == 1 { print $1 }'"), `${app.back}.10`);
    });

    step('docker kill of the cache: it stays away until it is asked for, with every count that was answered', async () => {
      const [id] = await app.ids('cache');
      const { hits } = await app.visit();
      await app.docker('kill', id!);
      await until('it has ended', async () => (await app.docker('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', id!)) === 'exited 137');
      assert.equal(await app.get('/'), undefined);
      await app.ok(['up', '-d', '--wait', '--no-build', '--no-recreate']);
      assert.deepEqual(await app.ids('cache'), [id]);
      await until('the cache answers', async () => ((await app.get<{ hits: number }>('/visits'))?.hits ?? 0) >= hits);
    });

    step('cp: into every web server and out of one', async () => {
      writeFileSync(`${app.folder}/message.txt`, 'hello by cp\n');
      await app.ok(['cp', '--all', 'message.txt', 'web:/app/message.txt']);
      for (const name of await app.names('web')) assert.equal(await app.docker('exec', name, 'cat', '/app/message.txt'), 'hello by cp');
      await app.ok(['cp', 'web:/app/about.txt', 'about.txt']);
    });

    step('watch: what is saved here is seen there', async () => {
      const watch = app.follow(['watch', '--no-up']);
      try {
        await watch.shows(/watch enabled/i);
        writeFileSync(`${app.folder}/web/public/message.txt`, 'hello, watched\n');
        await until('every web server says it', async () => {
          const answers = await Promise.all(Array.from({ length: 12 }, () => app.get<{ message: string }>('/message')));
          return answers.every((answer) => answer?.message === 'hello, watched');
        });
      } finally {
        await watch.end();
      }
    });

    step('down and up: the volumes were kept', async () => {
      const had = await app.visits();
      await app.ok(['down', '-t', '5']);
      const left = ['ps -aq', 'network ls -q'].map((list) => app.docker(...list.split(' '), '--filter', 'label=com.docker.compose.project=kobako-app'));
      assert.deepEqual(await Promise.all(left), ['', '']);
      await app.ok(['up', '-d', '--wait', '--no-build']);
      assert.deepEqual(await app.visits(), had);
    });

    step('events: what compose did, as it does it', async () => {
      const events = app.follow(['events', '--json']);
      try {
        // it may begin to listen between the two
        await events.shows(/"action":"pause".*"service":"cache"[^]*"action":"unpause".*"service":"cache"/, async () => {
          await app.ok(['pause', 'cache']);
          await app.ok(['unpause', 'cache']);
        });
        const seen = jsonLines<{ service: string; action: string }>(events.text().slice(0, events.text().lastIndexOf('\n')));
        assert.ok(seen.every(({ service }) => ['cache', 'db', 'web', 'proxy'].includes(service)));
      } finally {
        await events.end();
      }
    });

    step('down -v: nothing is left', async () => {
      await app.ok(['down', '-v', '-t', '5', '--remove-orphans']);
      const lists = ['ps -aq', 'network ls -q', 'volume ls -q'].map((list) =>
        app.docker(...list.split(' '), '--filter', 'label=com.docker.compose.project=kobako-app'),
      );
      assert.deepEqual(await Promise.all(lists), ['', '', '']);
      // those without a name, too: `run --rm` made some
      assert.equal(await app.docker('volume', 'ls', '-q'), volumesBefore);
      assert.equal(await app.get('/message'), undefined);
      assert.equal(await app.ok(['ls', '-a', '--format', 'json']), '[]');
    });
  });
}
