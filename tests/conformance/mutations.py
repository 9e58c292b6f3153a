"""Clients with one thing taken out, each of which some conversation has to notice: file -> (what, text, instead)."""

from collections.abc import Mapping

Mutation = tuple[str, str, str]

MUTATIONS: Mapping[str, tuple[Mutation, ...]] = {
    "loginq_client.py": (
        ("no back-off", "2 ** min(attempt, 5)", "1"),
        ("no jitter of the back-off", "random.uniform(0.5, 1)", "1.01"),
        ("Retry-After ignored", "trouble.after)", "0)"),
        ("a date in Retry-After ignored", "(until - now) / 1000 if until and now else 0", "0"),
        ("410 not handled", '"unknown_ticket", "ticket_expired")', '"unknown_ticket",)'),
        ("404 not handled", '("unknown_ticket", "ticket_expired")', '("ticket_expired",)'),
        ("a refused token is not renewed", "if status == 401:", "if status == 402:"),
        ("a token is never renewed in time", "- self._ahead < 60_000", "- self._ahead < -1e15"),
        ("this machine's clock believed", "if date is None else date -", "if date is None else time.time() * 1000 -"),
        ("a storm of renewals", "None if force and self._ends_soon() else ", ""),
        ("a cancel that does nothing", "if self._over.is_set():", "if not self._url:"),
        ("polls as it likes", "min(300, max(0.5, ", "(lambda told: 5)((0.5, "),
        ("the token is sent to the line", 'standing.line_url, {})', 'standing.line_url, {"Authorization": "x"})'),
        ("any line is believed", "not _is_safe(standing.line_url)", "not standing.line_url"),
        ("an old line is believed", "if t - self.at > 10_000:", "if t - self.at > 10_000_000_000:"),
        ("no sign of life", "random.random() < self.call_status", "random.random() < 0"),
        ("the firewall is no refusal", 'or (status == 403 and code == "bad_request")', ""),
        ("the closed queue looks like any trouble", 'if trouble.code == "queue_closed"', 'if trouble.code == "closed"'),
    ),
    "loginq.ts": (
        ("no back-off", "2 ** attempt", "1"),
        ("no jitter of the back-off", "between(0.5, 1)", "1.01"),
        ("Retry-After ignored", "Math.max(backOff, trouble.after)", "backOff"),
        ("a date in Retry-After ignored", ": until / 1000;", ": until * 0;"),
        ("410 not handled", '["unknown_ticket", "ticket_expired"]', '["unknown_ticket"]'),
        ("404 not handled", '["unknown_ticket", "ticket_expired"]', '["ticket_expired"]'),
        ("a refused token is not renewed", "answer.status === 401", "answer.status === 402"),
        ("a token is never renewed in time", "- this.ahead < 60_000", "- this.ahead < -1e15"),
        ("this machine's clock believed", "this.ahead = date", "this.ahead = Date.now()"),
        ("a storm of renewals", "if (force && this.endsSoon()) this.ends = null;", ""),
        ("a cancel that does nothing", "if (this.signal?.aborted)", "if (this.signal?.aborted && !this.url)"),
        ("redirects are followed", 'redirect: "manual"', 'redirect: "follow"'),
        ("polls as it likes", "Math.min(300, Math.max(0.5, told as number))", "5"),
        ("the token is sent to the line", "standing.line_url, {}", "standing.line_url, { Authorization: this.held }"),
        ("any line is believed", "|| !isSafe(standing.line_url)", '|| !standing.line_url'),
        ("an old line is believed", "if (t - view.at > 10_000)", "if (t - view.at > 10_000_000_000)"),
        ("no sign of life", "Math.random() < view.call_status", "Math.random() < 0"),
        ("the firewall is no refusal", '|| (status === 403 && code === "bad_request")', ""),
        ("the closed queue looks like any trouble", 'trouble.code === "queue_closed"', 'trouble.code === "closed"'),
        ("a body of other bytes is read all the same", "fatal: true", "fatal: false"),
    ),
}  # fmt: skip
