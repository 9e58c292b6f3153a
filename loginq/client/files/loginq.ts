/**
 * loginq's queue client for browsers and Node 18 and newer: asks for a place in line, waits as told, says who may enter.
 *
 *     import { QueueClient, Refused } from "./loginq";
 *
 *     const client = new QueueClient("https://queue.example.com", (force) => account.idToken({ fresh: force }));
 *     const leaving = new AbortController();
 *     try {
 *       const standing = await client.enter((now) => draw(now.ahead, now.eta_seconds, now.trouble), leaving.signal);
 *       connectToGame(standing.admission_token);
 *     } catch (refusal) {
 *       if (refusal instanceof Refused) say(refusal.code, refusal.message);
 *     }
 *
 * The place in line outlasts a lost connection, a closed tab and an aborted signal: whoever calls `enter` again goes on
 * where they stood. `leave` gives it up. A page's origin must be the stack's `CorsOrigin`, or that must be `*`. Compile it
 * for ES2020 or newer; Node 22.18 and newer takes it as it is.
 * It does not sign anybody in: `token` is yours. It is called with true when the token was refused or is about to end;
 * what it throws ends `enter`, except a `Trouble`, which is waited out. The token goes to `url` alone, follows no
 * redirect and is never written anywhere, and this machine's clock is never asked what time it is.
 */

/** How a player stands; null for what nobody knows. */
export interface Standing {
  state: string;
  line_state: string;
  position: number | null;
  ahead: number | null;
  eta_seconds: number | null;
  eta_basis: string;
  message: string;
  /** Seconds until the next question. */ pause: number;
  /** What is wrong at the moment, in words; the place is kept meanwhile. */ trouble: string;
  /** The API's word for that. */ code: string;
  admitted: boolean;
  admission_token: string;
}

interface Found extends Standing {
  ticket: string;
  line_url: string;
}

class Said extends Error {
  readonly code: string;
  readonly after: number;

  constructor(message: string, code = "", after = 0) {
    super(message);
    [this.name, this.code, this.after] = [new.target.name, code, after];
  }
}

/** The player may not enter, and asking again does not help. `code` is the API's word for it. */
export class Refused extends Said {}

/** Something that passes. `after`: seconds for which the API wants to be left alone. */
export class Trouble extends Said {}

/** The signal was aborted. */
export class Cancelled extends Error {}

export interface Options {
  /** As the global one; it is told not to follow redirects. */ fetch?: typeof fetch;
  /** Waits so many seconds, and wakes when the signal is aborted. */
  sleep?: (seconds: number, signal?: AbortSignal) => Promise<unknown>;
  /** A clock in ms that only ever rises. */ ticks?: () => number;
  /** Seconds of one call. */ timeout?: number;
}

type Json = { [name: string]: unknown };
type Answer = { status: number; headers: Headers; body: string };

const NOT_OURS = "something else answered in its place";
const GONE = ["unknown_ticket", "ticket_expired"];
const NOWHERE: Found = {
  state: "", line_state: "", position: null, ahead: null, eta_seconds: null, eta_basis: "", message: "", pause: 0,
  trouble: "", code: "", admitted: false, admission_token: "", ticket: "", line_url: "",
};

/** One player's way through the queue at `url`. `token` gives the player's ID token; with true a fresh one. */
export class QueueClient {
  private readonly url: string;
  private readonly token: (force: boolean) => Promise<string> | string;
  private readonly options: Required<Options>;
  private held = "";
  private ends: number | null = null; // when the token is over, ms
  private ahead: number | null = null; // how far the server's clock is ahead of `ticks`, ms; and by the public line
  private line: number | null = null;
  private last = NOWHERE;
  private show: (standing: Standing) => unknown = () => undefined;
  private signal?: AbortSignal;

  constructor(url: string, token: (force: boolean) => Promise<string> | string, options: Options = {}) {
    [this.url, this.token] = [url.replace(/\/+$/, ""), token];
    const { fetch: ask = (...given: Parameters<typeof fetch>) => fetch(...given), ticks = () => performance.now() } = options;
    this.options = { fetch: ask, ticks, sleep: options.sleep ?? sleep, timeout: options.timeout ?? 15 };
  }

  /** Wait until let in; the standing that says so. `show` is told of each. Throws `Refused`, `Cancelled`, as `token`. */
  async enter(show: (standing: Standing) => unknown = () => undefined, signal?: AbortSignal): Promise<Standing> {
    const own: this = Object.assign(Object.create(this), { show, signal }); // so an aborted call ends, whatever follows
    for (;;) {
      let found = await own.patiently("GET", "/login", "ticket");
      const path = "/login/status?login_ticket=" + encodeURIComponent(found.ticket.replace(/\p{Surrogate}/gu, "?"));
      try {
        while (!found.admitted) {
          await own.pause((own.last = found));
          await own.lookOn();
          found = await own.patiently("GET", path, "login_status");
        }
        return found;
      } catch (gone) {
        if (!(gone instanceof Refused && GONE.includes(gone.code))) throw gone;
        show({ ...own.last, pause: 0, trouble: gone.message, code: gone.code });
      }
    }
  }

  /** Give the place up. Throws `Refused`, `Cancelled`, and `Trouble` when three tries were in vain. */
  async leave(signal?: AbortSignal): Promise<void> {
    const own: this = Object.assign(Object.create(this), { signal });
    await own.patiently("DELETE", "/login", "", 3);
  }

  private async patiently(method: string, path: string, needs: string, tries = Infinity): Promise<Found> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.call(method, path, needs);
      } catch (trouble) {
        if (!(trouble instanceof Trouble) || attempt + 1 >= tries) throw trouble;
        const backOff = Math.min(30, 2 ** attempt) * between(0.5, 1);
        const closed = trouble.code === "queue_closed" ? { line_state: "closed" } : {};
        const said = { ...this.last, ...closed, code: trouble.code, trouble: trouble.message || NOT_OURS };
        await this.pause({ ...said, pause: Math.max(backOff, trouble.after) });
      }
    }
  }

  private async pause(standing: Standing): Promise<void> {
    this.show(standing);
    this.goOn();
    await this.options.sleep(standing.pause, this.signal);
    this.goOn();
  }

  private goOn(): void {
    if (this.signal?.aborted) throw new Cancelled("cancelled");
  }

  private async call(method: string, path: string, needs: string): Promise<Found> {
    let answer = await this.send(method, path, this.endsSoon());
    if (answer.status === 401) answer = await this.send(method, path, true);
    const { status } = answer, after = retryAfter(answer.headers), found = documentOf(answer.body);
    const said = status === 200 ? {} : found?.error;
    // Errors of ours are objects; a domain says 403 without one while the stack behind it is changed for another.
    const ours = found && isObject(said) && !(status > 200 && status < 400);
    if (!ours) throw new Trouble(status >= 500 ? `HTTP ${status}` : NOT_OURS, "", after);
    if (status === 200 || (method === "DELETE" && (status === 404 || status === 410))) {
      const standing = standingOf(found, needs);
      if (standing) return standing;
      throw new Trouble(NOT_OURS, "", after);
    }
    const code = text(said.code), message = text(said.message) || `HTTP ${status}`;
    const passes = status === 429 || status >= 500 || (status === 403 && code === "bad_request");
    throw passes ? new Trouble(message, code, after) : new Refused(message, code || `http_${status}`);
  }

  private async send(method: string, path: string, force: boolean): Promise<Answer> {
    this.goOn();
    if (force || !this.held) {
      this.held = (await this.token(force)).replace(/[^!-~]/g, "");
      this.ends = endOf(this.held);
      if (force && this.endsSoon()) this.ends = null; // used until it is refused: no storm of renewals
      this.goOn();
    }
    const answer = await this.reach(method, this.url + path, { Authorization: `Bearer ${this.held}` });
    const date = Date.parse(answer.headers.get("Date") ?? "");
    if (!isNaN(date)) this.ahead = date - this.options.ticks();
    return answer;
  }

  private endsSoon(): boolean {
    return this.ends !== null && this.ahead !== null && this.ends - this.options.ticks() - this.ahead < 60_000;
  }

  private async reach(method: string, url: string, headers: Record<string, string>): Promise<Answer> {
    this.goOn();
    const over = new AbortController(), end = () => over.abort(), timer = setTimeout(end, this.options.timeout * 1000);
    this.signal?.addEventListener("abort", end);
    try {
      const how: RequestInit = { method, headers, redirect: "manual", signal: over.signal, cache: "no-store", credentials: "omit" };
      const answer = await this.options.fetch(url, how);
      if (answer.type === "opaqueredirect") throw new Trouble(NOT_OURS);
      const reader = answer.body?.getReader(), text = new TextDecoder("utf-8", { fatal: true });
      let body = "", part = await reader?.read();
      for (; part?.value && body.length < 1 << 20; part = await reader?.read()) body += text.decode(part.value, { stream: true });
      return { status: answer.status, headers: answer.headers, body: body + text.decode() };
    } catch (fault) {
      throw fault instanceof Trouble ? fault : new Trouble("the server cannot be reached");
    } finally {
      clearTimeout(timer), over.abort();
      this.signal?.removeEventListener("abort", end);
      this.goOn();
    }
  }

  /** Wait by the public line until `/login/status` is to be asked; at once where there is none, or it fails. */
  private async lookOn(): Promise<void> {
    const standing = this.last, position = standing.position;
    if (standing.state !== "waiting" || position === null || !isSafe(standing.line_url)) return;
    const meeting = this.options.ticks() + between(480_000, 600_000);
    for (let due = false; !due && this.options.ticks() < meeting; ) {
      let view: View | null, kept: number;
      try {
        const answer = await this.reach("GET", standing.line_url, {}), age = answer.headers.get("Age") ?? "";
        view = answer.status === 200 ? viewOf(documentOf(answer.body) ?? {}) : null;
        kept = /^[0-9]{1,6}$/.test(age) ? Number(age) * 1000 : 0;
      } catch (trouble) {
        if (trouble instanceof Trouble) return;
        throw trouble;
      }
      if (!view || kept > 10_000) return; // where a cache is wrong about its age, nothing is to be learned from that
      // No answer is from the future, so the newest is the nearest.
      this.line = Math.max(this.line ?? -Infinity, view.at + kept - this.options.ticks());
      const t = this.options.ticks() + this.line, wait = waitOf(view, position, t);
      let pause: number;
      [pause, due] = asks(view, position, t);
      if (pause <= 0) continue;
      const ahead = Math.max(0, position - reachedAt(view, t) - 1);
      const eta_seconds = wait === null ? null : Math.ceil(Math.max(0, wait - 100) / 1000);
      const { line_state, message } = view, seen = { line_state, message, ahead, eta_seconds };
      await this.pause((this.last = { ...standing, ...seen, pause: pause / 1000 }));
    }
  }
}

/** One look at the public line; instants and durations in ms by the server's clock. */
interface View {
  at: number; reached: number; tail: number; rate: number; longest: number; call_status: number;
  curve: [number, number][]; line_state: string; message: string;
}

function viewOf(found: Json): View | null {
  const { at, reached, tail, rate_per_second: rate, longest_poll_seconds: longest, call_status, curve } = found;
  if (!isNumber(at) || !isNumber(reached) || !isNumber(tail) || !isNumber(rate)) return null;
  if (!isNumber(longest) || !isNumber(call_status) || !Array.isArray(curve)) return null;
  const points: [number, number][] = [];
  for (const point of curve) {
    if (!Array.isArray(point) || !isNumber(point[0]) || !isNumber(point[1])) return null;
    const [since, start] = points.length ? points[points.length - 1] : [0, -1];
    if (point[0] * 1000 < since || point[1] <= start) return null;
    points.push([point[0] * 1000, point[1]]);
  }
  const said = { line_state: text(found.line_state), message: text(found.message) };
  return { at, reached, tail, curve: points, rate, longest: Math.min(60, Math.max(1, longest)) * 1000, call_status, ...said };
}

/** How long after `t` a position may enter; null where nobody knows. */
function waitOf(view: View, position: number, t: number): number | null {
  if (view.line_state === "paused") return null;
  if (position <= view.reached) return 0;
  const end = view.curve.length ? view.curve[view.curve.length - 1][1] : 0;
  // Who came after this look waits as long as the last who came before.
  if (position > end && !(end >= view.tail && view.tail > view.reached)) return null;
  return Math.max(0, view.at + along(view.curve.map(([since, reached]) => [reached, since]), position) - t);
}

const reachedAt = (view: View, t: number): number => Math.max(view.reached, Math.floor(along(view.curve, t - view.at)));

/** In how many ms to ask again, and whether that is for `/login/status`. */
function asks(view: View, position: number, t: number): [number, boolean] {
  if (t - view.at > 10_000) return [0, true];
  let left = waitOf(view, position, t);
  if (left !== null && left <= 4000) return [left + between(0, 500), true];
  if (Math.random() < view.call_status) return [0, true]; // a sign of life, of a few
  if (left === null && position > view.tail) left = 4000;
  else if (left === null && view.rate > 0) left = Math.max(20_000, ((position - reachedAt(view, t)) * 1000) / view.rate);
  const near = left === null ? view.longest : Math.min(left / 2, left / 5 + 12_000);
  return [Math.min(view.longest, near) * between(0.8, 1), false]; // so that a crowd never asks in step
}

function along(points: [number, number][], x: number): number {
  for (let n = 1; n < points.length; n++) {
    const [low, start] = points[n - 1], [high, end] = points[n];
    if (x < high) return start + ((end - start) * Math.max(0, x - low)) / (high - low || 1); // 0 where both are at once
  }
  return points.length ? points[points.length - 1][1] : 0;
}

const between = (least: number, most: number): number => least + Math.random() * (most - least);
const text = (given: unknown): string => (typeof given === "string" ? given : "");
const isNumber = (given: unknown): given is number => typeof given === "number" && Math.abs(given) <= 1e300;
const isObject = (given: unknown): given is Json => typeof given === "object" && given !== null && !Array.isArray(given);
const count = (given: unknown): number | null =>
  isNumber(given) && given >= 0 && given < 2 ** 53 ? Math.floor(given) : null;

function standingOf(found: Json, needs: string): Found | null {
  if (!needs) return NOWHERE;
  if (typeof found[needs] !== (needs === "ticket" ? "string" : "boolean")) return null;
  const admission_token = text(found.admission_token), admitted = found.login_status === true || admission_token !== "";
  const told = found.poll_after_seconds;
  if (!admitted && !isNumber(told)) return null;
  return {
    ...NOWHERE, admitted, admission_token, pause: admitted ? 0 : Math.min(300, Math.max(0.5, told as number)),
    position: count(found.position), ahead: count(found.ahead), eta_seconds: count(found.eta_seconds),
    state: text(found.state), line_state: text(found.line_state), eta_basis: text(found.eta_basis),
    message: text(found.message), ticket: text(found.ticket), line_url: text(found.line_url),
  };
}

function documentOf(body: string): Json | null {
  try {
    const found: unknown = JSON.parse(body);
    return isObject(found) ? found : null;
  } catch {
    return null;
  }
}

/** The seconds that `Retry-After` says (RFC 9110, 10.2.3); 0 for nothing that can be understood. */
function retryAfter(headers: Headers): number {
  const said = (headers.get("Retry-After") ?? "").trim();
  const until = /GMT$/.test(said) ? Date.parse(said) - Date.parse(headers.get("Date") ?? "") : NaN;
  const seconds = /^[0-9]{1,15}$/.test(said) ? Number(said) : until / 1000;
  return isNaN(seconds) ? 0 : Math.min(3600, Math.max(0, seconds));
}

/** When a token is over, ms since the epoch, if it says so. */
function endOf(token: string): number | null {
  try {
    const claims = documentOf(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
    return isNumber(claims?.exp) ? claims!.exp * 1000 : null;
  } catch {
    return null;
  }
}

/** Whether nobody on the way can read or change what this address says. */
function isSafe(url: string): boolean {
  return /^(https:\/\/|http:\/\/(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]+)?(\/|$))/.test(url);
}

function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((wake) => {
    const end = (): void => (clearTimeout(timer), signal?.removeEventListener("abort", end), wake());
    const timer = setTimeout(end, seconds * 1000);
    signal?.addEventListener("abort", end);
  });
}
