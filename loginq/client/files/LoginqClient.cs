// loginq's queue client for C# 7.2 and Unity: asks for a place in line, waits as told, says who may enter.
//
//     var client = new Loginq.QueueClient("https://queue.example.com", force => account.IdTokenAsync(force));
//     try {
//         var standing = await client.EnterAsync(now => screen.Show(now.Ahead, now.EtaSeconds, now.Trouble), leaving.Token);
//         game.Connect(standing.AdmissionToken);
//     } catch (Loginq.Refused refusal) { screen.Refuse(refusal.Code, refusal.Message); }
//
// All that is yours is called where `EnterAsync` was, in Unity on the main thread; so never block that by `Result` or
// `Wait`. The place in line outlasts a lost connection, a crash and a cancelled token, which ends `EnterAsync` as it ends any
// task: whoever calls it again goes on where they stood. `LeaveAsync` gives it up. A client does one thing at a time.
//
// It does not sign anybody in: `token` is yours. It is called with true when the token was refused or is about to end;
// what it throws ends `EnterAsync`, except a `Trouble`, which is waited out. The token goes to `url` alone, follows no
// redirect and is never written anywhere, and this machine's clock is never asked what time it is.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Net.Http;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;

namespace Loginq {
    /// <summary>How a player stands; null, or "", for what nobody knows.</summary>
    public sealed class Standing {
        public string State = "", LineState = "", EtaBasis = "", Message = "";
        public long? Position, Ahead, EtaSeconds;
        /// <summary>Seconds until the next question.</summary>
        public double Pause;
        /// <summary>What is wrong at the moment, in words, while the place is kept; and the API's word for it.</summary>
        public string Trouble = "", Code = "";
        public bool Admitted;
        public string AdmissionToken = "";
        internal string Ticket = "", LineUrl = "";
        internal Standing Copy() => (Standing)MemberwiseClone();
    }
    /// <summary>The player may not enter, and asking again does not help. `Code` is the API's word for it.</summary>
    public sealed class Refused : Exception {
        public readonly string Code;
        public Refused(string message, string code) : base(message) { Code = code; }
    }
    /// <summary>Something that passes. `After`: seconds for which the API wants to be left alone.</summary>
    public sealed class Trouble : Exception {
        public readonly string Code; public readonly double After;
        public Trouble(string message, string code = "", double after = 0) : base(message) { Code = code; After = after; }
    }
    /// <summary>One player's way through the queue at `url`. `token` gives the player's ID token; with true a fresh one.</summary>
    /// <remarks>`send` makes one HTTP call, which follows no redirect; HttpClient's is built in. `sleep` waits so many seconds,
    /// `ticks` is a clock in ms that only ever rises, `timeout` is of one call, in seconds.</remarks>
    public sealed class QueueClient {
        const string NotOurs = "something else answered in its place";
        static readonly Lazy<HttpClient> Http = new Lazy<HttpClient>(() => new HttpClient(
            new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false }
        ) { MaxResponseContentBufferSize = 1 << 20, Timeout = Timeout.InfiniteTimeSpan });
        readonly string _url;
        readonly Func<bool, Task<string>> _token;
        readonly Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> _send;
        readonly Func<double, CancellationToken, Task> _sleep;
        readonly Func<double> _ticks;
        readonly double _timeout;
        readonly Random _random = new Random(Guid.NewGuid().GetHashCode());
        string _held;
        double? _ends, _ahead, _line;  // of the token, ms; how far the API is ahead of `_ticks`, ms; by the public line
        Standing _last;
        Action<Standing> _show;
        CancellationToken _cancel;

        public QueueClient(string url, Func<bool, Task<string>> token,
                Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send = null,
                Func<double, CancellationToken, Task> sleep = null, Func<double> ticks = null, double timeout = 15) {
            _url = url.TrimEnd('/'); _token = token; _timeout = timeout;
            _send = send ?? Http.Value.SendAsync;
            _sleep = sleep ?? ((seconds, cancel) => Task.Delay(TimeSpan.FromSeconds(seconds), cancel));
            _ticks = ticks ?? (() => Stopwatch.GetTimestamp() * 1000.0 / Stopwatch.Frequency);
        }

        /// <summary>Wait until let in; the standing that says so. `show` is told of each. Throws `Refused`.</summary>
        public async Task<Standing> EnterAsync(Action<Standing> show = null, CancellationToken cancel = default(CancellationToken)) {
            var own = Begin(show, cancel);
            for (;;) {
                var found = await own.Patiently("GET", "/login", "ticket");
                var path = "/login/status?login_ticket=" + Uri.EscapeDataString(found.Ticket);
                try {
                    while (!found.Admitted) {
                        await own.Pause(own._last = found);
                        await own.LookOn();
                        found = await own.Patiently("GET", path, "login_status");
                    }
                    return found;
                } catch (Refused gone) when (gone.Code == "unknown_ticket" || gone.Code == "ticket_expired") {
                    own._show(own.With(gone.Message, gone.Code, 0));
                }
            }
        }

        /// <summary>Give the place up. Throws `Refused`, and `Trouble` when three tries were in vain.</summary>
        public Task LeaveAsync(CancellationToken cancel = default(CancellationToken)) =>
            Begin(null, cancel).Patiently("DELETE", "/login", "", 3);

        QueueClient Begin(Action<Standing> show, CancellationToken cancel) {
            var own = (QueueClient)MemberwiseClone();  // so a cancelled call ends, whatever follows it
            own._last = new Standing(); own._show = show ?? (standing => { }); own._cancel = cancel;
            return own;
        }

        async Task<Standing> Patiently(string method, string path, string needs, int tries = 0) {
            for (var n = 0; ; n++) {
                try {
                    return await Call(method, path, needs);
                } catch (Trouble trouble) when (n + 1 != tries) {
                    var backOff = Math.Min(30, Math.Pow(2, n)) * Between(0.5, 1);
                    await Pause(With(trouble.Message, trouble.Code, Math.Max(backOff, trouble.After)));
                }
            }
        }

        Standing With(string trouble, string code, double pause) {
            var now = _last.Copy();
            now.Trouble = trouble == "" ? NotOurs : trouble; now.Code = code; now.Pause = pause;
            if (code == "queue_closed") now.LineState = "closed";
            return now;
        }

        async Task Pause(Standing now) {
            _show(now);
            _cancel.ThrowIfCancellationRequested();
            await _sleep(now.Pause, _cancel);
            _cancel.ThrowIfCancellationRequested();
        }

        async Task<Standing> Call(string method, string path, string needs) {
            var answer = await Send(method, path, EndsSoon());
            if ((int)answer.StatusCode == 401) answer = await Send(method, path, true);
            int status = (int)answer.StatusCode; double after = RetryAfter(answer);
            var found = Json.Document(await answer.Content.ReadAsByteArrayAsync());
            var error = found.At("error") as Dictionary<string, object>;
            if (found == null || status != 200 && (status < 400 || error == null))  // errors of ours are objects
                throw new Trouble(status >= 500 ? "HTTP " + status : NotOurs, "", after);
            if (status == 200 || method == "DELETE" && (status == 404 || status == 410))
                return StandingOf(found, needs) ?? throw new Trouble(NotOurs, "", after);
            string code = error.Text("code"), message = error.Text("message");
            if (message == "") message = "HTTP " + status;
            if (status == 429 || status >= 500 || status == 403 && code == "bad_request") throw new Trouble(message, code, after);
            throw new Refused(message, code == "" ? "http_" + status : code);
        }

        async Task<HttpResponseMessage> Send(string method, string path, bool force) {
            _cancel.ThrowIfCancellationRequested();
            if (force || string.IsNullOrEmpty(_held)) {
                _held = Regex.Replace(await _token(force) ?? "", "[^!-~]", "");
                _ends = EndOf(_held);
                if (force && EndsSoon()) _ends = null;  // used until it is refused: no storm of renewals
            }
            var answer = await Reach(method, _url + path, "Bearer " + _held);
            _ahead = Instant(Header(answer, "Date")) - _ticks() ?? _ahead;
            return answer;
        }
        bool EndsSoon() => _ends - _ahead - _ticks() < 60000;
        async Task<HttpResponseMessage> Reach(string method, string url, string bearer) {
            _cancel.ThrowIfCancellationRequested();
            using (var over = CancellationTokenSource.CreateLinkedTokenSource(_cancel))
            using (var request = new HttpRequestMessage(new HttpMethod(method), url)) {
                if (bearer != "") request.Headers.TryAddWithoutValidation("Authorization", bearer);
                try {
                    over.CancelAfter(TimeSpan.FromSeconds(_timeout));
                    var answer = await _send(request, over.Token);
                    await answer.Content.LoadIntoBufferAsync(1 << 20);
                    return answer;
                } catch (Exception) {
                    _cancel.ThrowIfCancellationRequested();
                    throw new Trouble("the server cannot be reached");
                }
            }
        }

        /// <summary>Wait by the public line until status is to be asked: at once where there is none, or it fails.</summary>
        async Task LookOn() {
            var url = _last.LineUrl;  // nobody on the way can read or change what it says, or it is left alone
            var isSafe = Regex.IsMatch(url, @"^(https://|http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]+)?(/|$))");
            if (_last.State != "waiting" || _last.Position == null || !isSafe) return;
            var meeting = _ticks() + Between(480000, 600000);
            for (var due = false; !due && _ticks() < meeting; ) {
                try {
                    var answer = await Reach("GET", url, "");
                    var age = Header(answer, "Age");
                    var kept = Regex.IsMatch(age, "^[0-9]{1,6}$") ? int.Parse(age) * 1000.0 : 0;
                    if ((int)answer.StatusCode != 200 || kept > 10000) return;  // a cache that is wrong has nothing to tell
                    due = Look(Json.Document(await answer.Content.ReadAsByteArrayAsync()), kept, _last.Position.Value);
                } catch (Exception fault) when (fault is Trouble || fault is FormatException) {
                    return;
                }
                if (_last.Pause > 0) await Pause(_last);
            }
        }

        /// <summary>What one look says to who has a position: in `_last`, and whether status is asked next. In ms.</summary>
        bool Look(Dictionary<string, object> found, double kept, double position) {
            double at = found.Number("at"), reached = found.Number("reached"), tail = found.Number("tail");
            double rate = found.Number("rate_per_second"), callStatus = found.Number("call_status");
            double longest = Math.Min(60, Math.Max(1, found.Number("longest_poll_seconds"))) * 1000;
            var curve = new List<double[]>();  // ms after `at`, and the position that is reached then
            foreach (var each in found.At("curve") as List<object> ?? throw new FormatException()) {
                var pair = (each as List<object> ?? new List<object>()).OfType<double>().ToArray();
                var last = curve.Count == 0 ? new[] { 0.0, -1 } : curve[curve.Count - 1];
                if (pair.Length < 2 || pair[0] * 1000 < last[0] || pair[1] <= last[1]) throw new FormatException();
                curve.Add(new[] { pair[0] * 1000, pair[1] });
            }
            _line = Math.Max(_line ?? double.NegativeInfinity, at + kept - _ticks());  // no answer is from the future
            double t = _ticks() + _line.Value, end = curve.Count == 0 ? 0 : curve[curve.Count - 1][1];
            var now = Math.Max(reached, Math.Floor(Along(curve, 0, t - at)));
            double? left = null;  // where nobody knows; who came after this look waits as long as the last before
            _last = _last.Copy();
            _last.LineState = found.Text("line_state"); _last.Message = found.Text("message"); _last.Pause = 0;
            if (_last.LineState != "paused" && position <= reached) left = 0;
            else if (_last.LineState != "paused" && (position <= end || end >= tail && tail > reached))
                left = Math.Max(0, at + Along(curve, 1, position) - t);
            _last.Ahead = Count(Math.Max(0, position - now - 1));
            _last.EtaSeconds = left == null ? null : Count(Math.Ceiling(Math.Max(0, left.Value - 100) / 1000));
            var next = left <= 4000;
            if (t - at > 10000 || !next && _random.NextDouble() < callStatus) return true;  // too old; or a sign of life
            if (left == null && position > tail) left = 4000;
            else if (left == null && rate > 0) left = Math.Max(20000, (position - now) * 1000 / rate);
            var near = left == null ? longest : Math.Min(longest, Math.Min(left.Value / 2, left.Value / 5 + 12000));
            _last.Pause = (next ? left.Value + Between(0, 500) : near * Between(0.8, 1)) / 1000;  // never in step
            return next;
        }

        double Between(double least, double most) => least + _random.NextDouble() * (most - least);
        static double Along(List<double[]> points, int axis, double x) {
            for (var n = 1; n < points.Count; n++) {
                double[] low = points[n - 1], high = points[n];
                if (x >= high[axis]) continue;
                var part = x <= low[axis] ? 0 : (x - low[axis]) / (high[axis] - low[axis]);  // both may be at once
                return low[1 - axis] + (high[1 - axis] - low[1 - axis]) * part;
            }
            return points.Count == 0 ? 0 : points[points.Count - 1][1 - axis];
        }
        static Standing StandingOf(Dictionary<string, object> found, string needs) {
            if (needs == "") return new Standing();
            bool fits = needs == "ticket" ? found.At(needs) is string : found.At(needs) is bool;
            var admitted = Equals(found.At("login_status"), true) || found.Text("admission_token") != "";
            var told = found.At("poll_after_seconds") as double?;
            if (!fits || !admitted && told == null) return null;
            return new Standing {
                State = found.Text("state"), LineState = found.Text("line_state"), EtaBasis = found.Text("eta_basis"),
                Position = Count(found.At("position")), Ahead = Count(found.At("ahead")),
                EtaSeconds = Count(found.At("eta_seconds")), Message = found.Text("message"),
                Pause = admitted ? 0 : Math.Min(300, Math.Max(0.5, told.Value)), Admitted = admitted,
                AdmissionToken = found.Text("admission_token"), Ticket = found.Text("ticket"), LineUrl = found.Text("line_url"),
            };
        }
        static long? Count(object given) => given is double n && n >= 0 && n < 9007199254740992 ? (long)n : (long?)null;
        /// <summary>When a token is over, ms since the epoch, if it says so.</summary>
        static double? EndOf(string token) {
            try {
                var claims = token.Split('.')[1].Replace('-', '+').Replace('_', '/');
                var found = Json.Document(Convert.FromBase64String(claims.PadRight((claims.Length + 3) / 4 * 4, '=')));
                return found.Number("exp") * 1000;
            } catch (Exception fault) when (fault is FormatException || fault is IndexOutOfRangeException) {
                return null;
            }
        }
        static string Header(HttpResponseMessage answer, string name) =>
            answer.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : "";
        /// <summary>The seconds that `Retry-After` says (RFC 9110, 10.2.3); 0 for nothing that can be understood.</summary>
        static double RetryAfter(HttpResponseMessage answer) {
            var said = Header(answer, "Retry-After");
            var until = (Instant(said) - Instant(Header(answer, "Date"))) / 1000;
            return Math.Min(3600, Math.Max(0, Regex.IsMatch(said, "^[0-9]{1,15}$") ? long.Parse(said) : until ?? 0));
        }
        /// <summary>The ms since the epoch of a date as HTTP writes it (RFC 9110, 5.6.7).</summary>
        static double? Instant(string text) {
            const DateTimeStyles utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
            var date = text.Substring(Math.Min(text.Length, 5));  // behind the day of the week
            var known = DateTime.TryParseExact(date, "dd MMM yyyy HH:mm:ss 'GMT'", CultureInfo.InvariantCulture, utc, out var found);
            return known ? (found - new DateTime(1970, 1, 1)).TotalMilliseconds : (double?)null;
        }
    }
    /// <summary>JSON, no deeper than 64, as dictionaries, lists, strings, doubles and bools. Throws FormatException.</summary>
    sealed class Json {
        static readonly Regex Token = new Regex(
            @"\G[ \t\r\n]*(?:([{}\[\],:])|""([^""\\\x00-\x1F]*(?:\\(?:[""\\/bfnrt]|u[0-9a-fA-F]{4})[^""\\\x00-\x1F]*)*)""" +
            @"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)|(true|false|null)|(\z))");
        static readonly Regex Escape = new Regex(@"\\(?:u(....)|(.))");
        readonly string _text;
        Match _next = Match.Empty;
        Json(string text) { _text = text; Go(); }
        /// <summary>The object that a body in UTF-8 is, with or without a BOM, of a MiB at most; else null.</summary>
        internal static Dictionary<string, object> Document(byte[] body) {
            try {
                if (body.Length > 1 << 20) return null;
                var json = new Json(new UTF8Encoding(false, true).GetString(body).TrimStart('\uFEFF'));
                var found = json.Value(1) as Dictionary<string, object>;
                return json._next.Groups[5].Success ? found : null;
            } catch (Exception fault) when (fault is FormatException || fault is ArgumentException) {
                return null;
            }
        }
        Match Go() {
            var passed = _next;
            _next = Token.Match(_text, passed.Index + passed.Length);
            return _next.Success ? passed : throw new FormatException();
        }
        bool Took(string mark) => _next.Groups[1].Value == mark && Go() != null;
        static void Need(bool good) { if (!good) throw new FormatException(); }
        object Value(int depth) {
            Need(depth <= 64);
            if (Took("{")) {
                var members = new Dictionary<string, object>();
                for (var more = !Took("}"); more; Need((more = Took(",")) || Took("}"))) {
                    var name = Said(Go().Groups[2]);
                    Need(name != null && Took(":"));
                    members[name] = Value(depth + 1);
                }
                return members;
            }
            if (Took("[")) {
                var items = new List<object>();
                for (var more = !Took("]"); more; Need((more = Took(",")) || Took("]"))) items.Add(Value(depth + 1));
                return items;
            }
            var now = Go().Groups;
            Need(now[2].Success || now[3].Success || now[4].Success);
            if (now[4].Success) return now[4].Value == "null" ? null : (object)(now[4].Value == "true");
            if (now[2].Success) return Said(now[2]);
            var fits = double.TryParse(now[3].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number);
            return fits && Math.Abs(number) <= 1e300 ? number : (object)null;
        }
        static string Said(Group text) {
            if (!text.Success) return null;
            var found = Escape.Replace(text.Value, each => each.Groups[1].Success
                ? ((char)Convert.ToInt32(each.Groups[1].Value, 16)).ToString()
                : "\"\\/\b\f\n\r\t"["\"\\/bfnrt".IndexOf(each.Groups[2].Value[0])].ToString());
            return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(found));  // half a pair is no character
        }
    }
    static class Members {
        internal static object At(this Dictionary<string, object> found, string name) =>
            found != null && found.TryGetValue(name, out var value) ? value : null;
        internal static string Text(this Dictionary<string, object> found, string name) => found.At(name) as string ?? "";
        internal static double Number(this Dictionary<string, object> found, string name) =>
            found.At(name) as double? ?? throw new FormatException();
    }
}
