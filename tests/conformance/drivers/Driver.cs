// Plays the C# client to the scripted server: `Driver.exe BASE`.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;
using Loginq;

static class Driver {
    sealed class SignedOut : Exception { }

    static readonly HttpClient Http = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
    static string _base;

    static string Tell(string what, string text) {
        var answer = Http.PostAsync(_base + "/__" + what, new StringContent(text)).GetAwaiter().GetResult();
        return answer.Content.ReadAsStringAsync().GetAwaiter().GetResult();
    }

    static string Written(double number) => number.ToString("0.000000", CultureInfo.InvariantCulture);

    static async Task<string> Play(string url, double timeout, string act) {
        var slept = 0.0;
        var over = new CancellationTokenSource();
        Func<CancellationToken, Task<string>> entered = null;
        Task<string> next = null;
        Func<double, CancellationToken, Task> sleep = (seconds, cancel) => {
            slept += seconds;
            if (Tell("sleep", Written(seconds)) != "cancel") return Task.CompletedTask;
            over.Cancel();
            if (act != "again" || next != null) return Task.CompletedTask;
            over = new CancellationTokenSource();  // as a scene does that is left and shown again at once
            next = entered(over.Token);
            return Task.CompletedTask;
        };
        Func<bool, Task<string>> token = force => {
            var reply = Tell("token", force ? "true" : "false");
            if (reply == "!") throw new SignedOut();
            if (reply == "?") throw new Trouble("the provider is away");
            return Task.FromResult(reply);
        };
        Action<Standing> show = now => {
            var fields = new Dictionary<string, object> {
                ["state"] = now.State, ["line_state"] = now.LineState, ["position"] = now.Position, ["ahead"] = now.Ahead,
                ["eta_seconds"] = now.EtaSeconds, ["eta_basis"] = now.EtaBasis, ["pause"] = Written(now.Pause),
                ["code"] = now.Code, ["trouble"] = now.Trouble == "" ? "" : "1",
            };
            var lines = fields.Where(each => each.Value != null && !each.Value.Equals(""));
            var told = string.Concat(lines.Select(each => each.Key + "=" + each.Value + "\n"));
            if (Tell("show", told + "message=" + now.Message) == "cancel") over.Cancel();
        };
        var client = new QueueClient(url, token, null, sleep, () => slept * 1000, timeout);
        entered = cancel => Ended(async () => "admitted " + (await client.EnterAsync(show, cancel)).AdmissionToken);
        var first = await (act != "leave" ? entered(over.Token) : Ended(async () => {
            await client.LeaveAsync(over.Token);
            return "left";
        }));
        return next == null ? first : first + " " + await next;
    }

    static async Task<string> Ended(Func<Task<string>> call) {
        try {
            return await call();
        } catch (Refused refusal) {
            return "refused " + refusal.Code;
        } catch (OperationCanceledException) {
            return "cancelled";
        } catch (Trouble) {
            return "trouble";
        } catch (SignedOut) {
            return "signed out";
        } catch (Exception fault) {
            return "crashed " + fault;
        }
    }

    static void Main(string[] words) {
        _base = words[0];
        for (var told = Tell("next", ""); told != ""; told = Tell("next", "")) {
            var lines = told.Split('\n');
            var timeout = double.Parse(lines[1], CultureInfo.InvariantCulture);
            Tell("end", Play(lines[0], timeout, lines[2]).GetAwaiter().GetResult());
        }
    }
}
