/**
 * The built package runs unchanged in a page: training in headless Chromium gives Node's numbers, on one thread and on
 * several, and where there are several the page stays alive meanwhile.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, type TestContext, test } from "vitest";
import * as formats from "../../dist/formats.js";
import * as recurve from "../../dist/index.js";
import { readFiles } from "./files.mjs";
import { trainLarge, trainSmall } from "./train.mjs";

const asked = process.env["RECURVE_CHROMIUM"];
const path = asked ?? "/usr/bin/chromium";
const root = new URL("../../", import.meta.url);
// What a page runs is WebAssembly, and its numbers are compared to the last bit.
process.env["RECURVE_BACKEND"] = "wasm";
let server: Server;
let browser: Browser | undefined;

const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** The pages that are served, with their headers. */
const pages: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "/": {},
  "/isolated": isolation,
  "/without-workers": { ...isolation, "content-security-policy": "worker-src 'none'" },
};

beforeAll(async () => {
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const headers = pages[pathname];
    if (headers !== undefined) {
      response.writeHead(200, { ...headers, "content-type": "text/html" });
      return void response.end("<!doctype html><title>Recurve</title>");
    }
    const file = new URL(`.${pathname}`, root);
    if (!existsSync(file)) return void response.writeHead(404).end();
    response.setHeader("content-type", "text/javascript").end(readFileSync(file));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  if (!existsSync(path)) return;
  browser = await chromium.launch({
    executablePath: path,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
});

afterAll(async () => {
  await browser?.close();
  await new Promise((done) => server.close(done));
});

/** Calls a function of train.mjs in a page. */
function inPage<R>(context: TestContext, pathname: string, name: string): Promise<{ result: R; workers: number }> {
  // As text: the test runner would rewrite the imports of a function.
  return evaluated<R>(
    context,
    pathname,
    `Promise.all([import("/dist/index.js"), import("/test/browser/train.mjs")]).then(([r, t]) => t.${name}(r))`,
  );
}

/** The result of a program in a page; `workers` is how many the page has then. */
async function evaluated<R>(
  context: TestContext,
  pathname: string,
  program: string,
): Promise<{ result: R; workers: number }> {
  // A browser that was asked for must be there; only the usual place may be empty.
  if (browser === undefined && asked === undefined)
    return context.skip(`no browser at ${path}; set RECURVE_CHROMIUM to one`);
  const page = await (browser as Browser).newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`);
  const result: R = await page.evaluate(program);
  expect(complaints).toEqual([]);
  const workers = page.workers().length;
  await page.close();
  return { result, workers };
}

test("training in a page gives the numbers of training in Node", async (context) => {
  const { result } = await inPage<Awaited<ReturnType<typeof trainSmall>>>(context, "/", "trainSmall");
  // The same engine, the same bits: WebAssembly arithmetic is deterministic.
  expect(result).toEqual(await trainSmall(recurve));
  expect(result.loss.at(-1)).toBeLessThan(result.loss[0]);
});

type Large = Awaited<ReturnType<typeof trainLarge>>;

test("threads in an isolated page give the numbers of one thread, and a timer ticks while they train", async (context) => {
  const { result, workers } = await inPage<Large>(context, "/isolated", "trainLarge");
  const cores = await (browser as Browser).newPage().then((page) => page.evaluate("navigator.hardwareConcurrency"));
  expect(result.threads.count).toBe(Math.min(cores as number, 16));
  expect(workers).toBe(result.threads.count > 1 ? result.threads.count : 0);
  if (workers > 0) expect(result.ticks).toBeGreaterThan(2);
  expect(result.numbers).toEqual((await trainLarge(recurve)).numbers);
  expect(result.numbers.sync).toEqual(result.numbers.outputs);
});

test("a page that is not isolated trains the same on one thread, and says why", async (context) => {
  const { result, workers } = await inPage<Large>(context, "/", "trainLarge");
  expect(workers).toBe(0);
  expect(result.threads).toEqual({
    count: 1,
    reason: "this page is not cross-origin isolated (see docs/threads.md)",
  });
  expect(result.numbers).toEqual((await trainLarge(recurve)).numbers);
});

test("a page whose policy forbids workers trains the same on one thread, and says why", async (context) => {
  const { result, workers } = await inPage<Large>(context, "/without-workers", "trainLarge");
  expect(workers).toBe(0);
  expect(result.threads.count).toBe(1);
  if (result.threads.reason !== "there is one core") expect(result.threads.reason).toContain("workers");
  expect(result.numbers).toEqual((await trainLarge(recurve)).numbers);
});

test("files of other programs are read, run and written in a page as in Node, to the last bit", async (context) => {
  const fixtures = "test/io/fixtures/";
  const program = `Promise.all([import("/dist/index.js"), import("/dist/formats.js"), import("/test/browser/files.mjs")]).then(
    ([recurve, formats, files]) => files.readFiles(recurve, formats, async (file) => {
      const response = await fetch("/${fixtures}" + file);
      return new Uint8Array(await response.arrayBuffer());
    }))`;
  const { result } = await evaluated<Awaited<ReturnType<typeof readFiles>>>(context, "/", program);
  const inNode = await readFiles(recurve, formats, async (file) => readFileSync(new URL(fixtures + file, root)));
  expect(result).toEqual(inNode);
  for (const { outputs, again } of Object.values(result)) expect(again).toEqual(outputs);
});
