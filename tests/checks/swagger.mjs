// What somebody does who opens /docs for the first time: try out "Create a job" and look at the reply.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [url, executablePath, work] = process.argv.slice(2);
const profile = await mkdtemp(join(work, "profile-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  viewport: { width: 1200, height: 1400 },
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // No network: only this machine has a name.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ],
});
try {
  const page = await browser.newPage();
  const complaints = [];
  const requests = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  browser.on("request", (request) => requests.push(request.url()));
  browser.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));

  await page.goto(`${url}/docs`, { waitUntil: "networkidle" });
  const tags = await page.locator(".opblock-tag").allInnerTexts();
  assert.deepEqual(tags.map((tag) => tag.split("\n")[0].trim()), ["Jobs", "Schedules", "Runs", "Data", "Events", "Service"]);
  const create = page.locator("[id$=createJob]");
  await page.screenshot({ path: join(work, "swagger-start.png") });
  await create.locator(".opblock-summary").click();
  await create.getByRole("button", { name: "Try it out" }).click();
  const body = JSON.parse(await create.locator("textarea.body-param__text").inputValue());
  await create.getByRole("button", { name: "Execute" }).click();

  const live = create.locator(".live-responses-table");
  await live.waitFor();
  assert.equal((await live.locator(".response-col_status").nth(1).innerText()).trim(), "200");
  const shown = await live.innerText();
  assert.match(shown, /Job created successfully/);
  assert.match(shown, /location: \/scheduler\/jobs\//);
  await live.scrollIntoViewIfNeeded();
  await page.screenshot({ path: join(work, "swagger-reply.png") });
  await page.screenshot({ path: join(work, "swagger.png"), fullPage: true });

  const jobs = await (await fetch(`${url}/scheduler/jobs`)).json();
  assert.equal(jobs.length, 1);
  assert.equal(jobs[0].name, body.name);
  assert.deepEqual(complaints, []);
  const away = requests.filter((asked) => !asked.startsWith(url) && !/^(data|blob|about):/.test(asked));
  assert.deepEqual(away, []);
  console.log(`Swagger UI created ${JSON.stringify(body)}, without a complaint or a request to anybody else`);
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
}
