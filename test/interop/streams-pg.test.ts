/** The pg library over the reactor's connections, to a real PostgreSQL. */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SocketDuplex } from "../../src/entries/streams.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { closed, dialDuplex } from "../helpers/duplexes.ts";
import { freePort } from "../helpers/freeport.ts";
import { Postgres, postgresPrograms } from "../helpers/postgres.ts";
import { forEachRealReactor } from "../helpers/reactors.ts";

describe.skipIf(postgresPrograms === undefined)("with a PostgreSQL server (skipped where none is installed)", () => {
  let server: Postgres;
  beforeAll(async () => {
    server = await Postgres.start();
  });
  afterAll(() => server.stop());

  function configuration(reactor: EngineReactor, port = server.port, streams: SocketDuplex[] = []): pg.ClientConfig {
    return {
      user: "skein",
      password: "secret",
      database: "postgres",
      stream: () => {
        const stream = dialDuplex(reactor, port);
        streams.push(stream);
        return stream as never;
      },
    };
  }

  forEachRealReactor((make) => {
    test("a client logs in, queries with parameters, gets an error, and continues", async () => {
      const streams: SocketDuplex[] = [];
      const client = new pg.Client(configuration(make(), server.port, streams));
      await client.connect();
      const { rows } = await client.query("select $1::int + 1 as sum, $2::text as name", [41, "Grüße"]);
      expect(rows).toEqual([{ sum: 42, name: "Grüße" }]);
      await expect(client.query("select nonsense")).rejects.toMatchObject({ code: "42703" });
      expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
      await client.end();
      await closed(streams[0]!);
    });

    test("100,000 rows are received, and 8 MiB are sent and returned", async () => {
      const client = new pg.Client(configuration(make()));
      await client.connect();
      const { rows } = await client.query("select n, md5(n::text) as sum from generate_series(1, 100000) as n");
      expect([rows.length, rows[99_999]]).toEqual([100_000, { n: 100_000, sum: "14ee22eaba297944c96afdbe5b16c65b" }]);
      const bytes = Buffer.alloc(8 * 1024 * 1024, "skein ");
      const answer = await client.query("select $1::bytea as bytes", [bytes]);
      expect(bytes.equals(answer.rows[0].bytes)).toBe(true);
      await client.end();
    });

    test("a pool of four connections answers 200 queries, and each connection closes", async () => {
      const streams: SocketDuplex[] = [];
      const pool = new pg.Pool({ ...configuration(make(), server.port, streams), max: 4 });
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, i) => pool.query("select $1::int as i, pg_sleep(0.001)", [i])),
      );
      expect(answers.map(({ rows }) => rows[0].i)).toEqual(Array.from({ length: 200 }, (_, i) => i));
      expect(streams.length).toBe(4);
      await pool.end();
      await Promise.all(streams.map(closed));
    });

    test("a killed backend and a refused connection are errors that pg knows", async () => {
      const reactor = make();
      const [victim, other] = [new pg.Client(configuration(reactor)), new pg.Client(configuration(reactor))];
      await Promise.all([victim.connect(), other.connect()]);
      const ended = new Promise<Error>((resolve) => victim.on("error", resolve));
      const { rows } = await victim.query("select pg_backend_pid() as pid");
      await other.query("select pg_terminate_backend($1)", [rows[0].pid]);
      expect((await ended).message).toMatch(/terminat/);
      await other.end();
      const refused = new pg.Client(configuration(reactor, await freePort()));
      await expect(refused.connect()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    });
  });
});
