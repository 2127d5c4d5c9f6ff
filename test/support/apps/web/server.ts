/** The web server of the application: counts its visits in Redis and keeps a row of each in PostgreSQL. */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import { Redis } from 'ioredis';
import pg from 'pg';

const env = process.env;
const redis = new Redis({ host: env['REDIS_HOST'] ?? 'cache', maxRetriesPerRequest: 1 });
const database = new pg.Pool({
  host: env['PGHOST'] ?? 'db',
  user: env['PGUSER'],
  database: env['PGDATABASE'],
  password: () => readFileSync(env['PGPASSWORD_FILE']!, 'utf8').trim(),
  connectionTimeoutMillis: 3000,
});
// each loses its connection when its server is killed, and makes another
redis.on('error', () => {});
database.on('error', () => {});

async function answer(request: IncomingMessage): Promise<object> {
  switch (request.url) {
    case '/health':
      return { redis: await redis.ping(), database: (await database.query('SELECT 1 AS one')).rows[0].one };
    case '/message':
      return { host: hostname(), message: readFileSync(`${import.meta.dirname}/message.txt`, 'utf8').trim() };
    case '/visits':
      return { hits: Number(await redis.get('hits')), rows: (await database.query('SELECT count(*)::int AS rows FROM visits')).rows[0].rows };
    default: {
      await database.query('INSERT INTO visits (host) VALUES ($1)', [hostname()]);
      return { host: hostname(), hits: await redis.incr('hits'), greeting: env['GREETING'] };
    }
  }
}

createServer((request, response) => {
  answer(request).then(
    (body) => response.end(JSON.stringify(body)),
    (error: Error) => response.writeHead(503).end(error.message),
  );
}).listen(3000, () => console.log(`${hostname()} listens`));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
