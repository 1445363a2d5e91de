// A page's code against the types that openapi-typescript makes of the document: a job's life, checked by the compiler.
import type { components, paths } from "./api";

type Job = components["schemas"]["Job"];
type JobInput = components["schemas"]["JobInput"];
type JobChange = components["schemas"]["JobChange"];
type JobPatch = components["schemas"]["JobPatch"];

type Method<P extends keyof paths> = Extract<keyof paths[P], "get" | "post" | "put" | "patch" | "delete">;
// The JSON that an operation answers with a success.
type Reply<P extends keyof paths, M extends Method<P>> = paths[P][M] extends {
  responses: { 200: { content: { "application/json": infer Body } } };
}
  ? Body
  : paths[P][M] extends { responses: { 202: { content: { "application/json": infer Body } } } }
    ? Body
    : never;

const base = process.argv[2] ?? "http://127.0.0.1:8001";

async function ask<P extends keyof paths, M extends Method<P>>(
  method: M,
  path: P,
  parameters: Record<string, string> = {},
  body?: JobInput | JobChange | JobPatch,
): Promise<Reply<P, M>> {
  const address = Object.entries(parameters).reduce(
    (address, [name, value]) => address.replace(`{${name}}`, encodeURIComponent(value)),
    path as string,
  );
  const response = await fetch(base + address, {
    method: (method as string).toUpperCase(),
    headers: { "Content-Type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!response.ok) {
    const problem = (await response.json()) as components["schemas"]["Problem"];
    throw new Error(`${problem.status} ${problem.code}: ${problem.detail}`);
  }
  return (await response.json()) as Reply<P, M>;
}

function expect(what: string, holds: boolean): void {
  if (!holds) throw new Error(`not so: ${what}`);
}

const order: JobInput = {
  name: "From TypeScript",
  stock_ids: ["AAPL", "^GSPC"],
  schedule: { kind: "daily", times: ["09:45", "16:15"], timezone: "America/New_York" },
  fetcher: "demo",
  misfire: "skip",
};
const created = await ask("post", "/scheduler/jobs", {}, order);
const job_id: string = created.job_id;
const job: Job = await ask("get", "/scheduler/jobs/{job_id}", { job_id });
expect("the job reads back", job.name === order.name && job.schedule.kind === "daily" && job.next_run !== null);
const times: string[] = job.schedule.kind === "daily" && "times" in job.schedule ? job.schedule.times : [];
expect("its times read back", times.join() === "09:45,16:15");

// What was read may be sent back.
const changed = await ask("put", "/scheduler/jobs/{job_id}", { job_id }, { ...job, name: "Changed" });
expect("the change is there", changed.job.name === "Changed" && changed.job.revision === 2);
const patched = await ask("patch", "/scheduler/jobs/{job_id}", { job_id }, { keep: 3, end_date: null });
expect("the patch is there", patched.job.keep === 3 && patched.job.end_date === null);

const started = await ask("post", "/scheduler/jobs/{job_id}/run", { job_id });
const read = () => ask("get", "/scheduler/executions/{execution_id}", { execution_id: started.execution_id });
let run = await read();
while (run.status === "running") run = await read();
expect("both symbols are stored", run.fetched_stocks.length === 2 && run.symbols.every((one) => one.error === null));

const key = run.symbols[0]?.key ?? "";
const rows = await ask("get", "/scheduler/datasets/{key}", { key });
expect("the data is there", rows.length > 0 && rows.every((row) => row.Close === null || row.Close > 0));
const history = await ask("get", "/scheduler/jobs/{job_id}/history", { job_id });
expect("the run is history", history.map((one) => one.execution_id).includes(run.execution_id));
const status = await ask("get", "/scheduler/status");
expect("the job is counted", status.total_jobs_count === 1 && status.next_fire?.job_id === job_id);
const jobs: Job[] = await ask("get", "/scheduler/jobs");
expect("the job is listed", jobs.length === 1);
const deleted = await ask("delete", "/scheduler/jobs/{job_id}", { job_id });
console.log(`TypeScript: a whole round; at last "${deleted.message}"`);
