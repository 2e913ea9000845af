// BullMQ on PostgreSQL, without what the bench does not need of it.
import { createPostgresBackend, FlowProducer, Queue, runMigrations, Worker } from "bullmq";
import { Client } from "pg";

/** Makes its schema, or brings it up to date. */
export async function migrate(url) {
  const client = new Client({ connectionString: url });
  await client.connect();
  await runMigrations(client);
  await client.end();
}

export function openQueue(name, url, max) {
  const connection = { connectionString: url, max };
  return new Queue(name, { connection }, createPostgresBackend);
}

export function openFlows(url, max) {
  return new FlowProducer({ connection: { connectionString: url, max } }, createPostgresBackend);
}

export function openWorker(name, run, { url, max, ...options }) {
  const connection = { connectionString: url, max };
  return new Worker(name, run, { connection, ...options }, createPostgresBackend);
}
