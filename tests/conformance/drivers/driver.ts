/** Plays the TypeScript client to the scripted server: in Node as `node driver.js BASE`, in a browser on its own page. */

import { Cancelled, QueueClient, Refused, Standing, Trouble } from "./loginq.js";

declare const process: { argv: string[] } | undefined;
const base = typeof process === "undefined" ? location.href.replace(/\/$/, "") : process.argv[2];

class SignedOut extends Error {}

async function tell(what: string, body: string): Promise<string> {
  return (await fetch(`${base}/__${what}`, { method: "POST", body })).text();
}

async function play(url: string, timeout: number, act: string): Promise<string> {
  let slept = 0;
  let over = new AbortController(), next: Promise<string> | undefined;
  const token = async (force: boolean): Promise<string> => {
    const reply = await tell("token", String(force));
    if (reply === "!") throw new SignedOut();
    if (reply === "?") throw new Trouble("the provider is away");
    return reply;
  };
  const sleep = async (seconds: number): Promise<void> => {
    slept += seconds;
    if ((await tell("sleep", seconds.toFixed(6))) !== "cancel") return;
    over.abort();
    if (act !== "again" || next) return;
    over = new AbortController(); // as a page does that is left and shown again at once
    next = entered(over.signal);
  };
  let shown: Promise<unknown> = Promise.resolve();
  const show = (now: Standing): void => {
    const names = ["state", "line_state", "position", "ahead", "eta_seconds", "eta_basis", "pause", "code"] as const;
    const lines = names.filter((name) => now[name] !== null && now[name] !== "").map((name) => `${name}=${now[name]}`);
    const told = [...lines, ...(now.trouble ? ["trouble=1"] : []), `message=${now.message}`].join("\n");
    shown = tell("show", told).then((reply) => reply === "cancel" && over.abort());
  };
  const inOrder = async (seconds: number): Promise<void> => {
    await shown; // what a studio draws is not waited for; here it is, so that what happens has one order
    if (!over.signal.aborted) await sleep(seconds);
  };
  const waiting = (url: RequestInfo | URL, how?: RequestInit) => shown.then(() => fetch(url, how));
  const own = timeout === 15 ? undefined : timeout; // what is undefined is as what is left out
  const client = new QueueClient(url, token, { sleep: inOrder, ticks: () => slept * 1000, timeout: own, fetch: waiting });
  const entered = (signal: AbortSignal) => ended(client.enter(show, signal).then((end) => `admitted ${end.admission_token}`));
  const first = await (act === "leave" ? ended(client.leave(over.signal).then(() => "left")) : entered(over.signal));
  return next ? `${first} ${await next}` : first;
}

async function ended(call: Promise<string>): Promise<string> {
  try {
    return await call;
  } catch (end) {
    if (end instanceof Refused) return `refused ${end.code}`;
    if (end instanceof Cancelled) return "cancelled";
    if (end instanceof Trouble) return "trouble";
    return end instanceof SignedOut ? "signed out" : `crashed ${end}`;
  }
}

async function main(): Promise<void> {
  for (let told = await tell("next", ""); told; told = await tell("next", "")) {
    const [url, timeout, act] = told.split("\n");
    await tell("end", await play(url, Number(timeout), act));
  }
}

void main().finally(() => typeof document !== "undefined" && (document.title = "over"));
