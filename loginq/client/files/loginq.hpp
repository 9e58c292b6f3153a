// loginq's queue client for C++17, header only: asks for a place in line, waits as told, says who may enter.
//
//     loginq::QueueClient client("https://queue.example.com", [&](bool force) { return account.token(force); }, http);
//     try {
//         const loginq::Standing in = client.enter([&](const loginq::Standing& now) { screen.show(now); });
//         game.connect(in.admission_token);
//     } catch (const loginq::Refused& refusal) { screen.refuse(refusal.code, refusal.what()); }
//
// `http` is a function of yours; the guide's page on clients has one for libcurl. It follows no redirect, and leaves
// `status` at 0 for no answer and for half of one; what it throws counts as no answer. `enter` blocks: give it a thread
// of its own; `cancel`, from any other thread, wakes it. The place in line outlasts a lost connection, a crash and
// `cancel`: a new client goes on where the player stood. `leave` gives it up. A client does one thing at a time.
//
// It does not sign anybody in: `token` is yours. It is called with true when the token was refused or is about to end;
// what it throws ends `enter`, except a `Trouble`, which is waited out. The token goes to `url` alone, follows no
// redirect and is never written anywhere, and this machine's clock is never asked what time it is.
#pragma once
#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <locale>
#include <mutex>
#include <optional>
#include <random>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace loginq {
using Headers = std::vector<std::pair<std::string, std::string>>;
struct Request { std::string method, url; Headers headers; double timeout; };  // of the whole call, in seconds
struct Answer { int status = 0; Headers headers; std::string body; };

/// How a player stands; nothing, or "", for what nobody knows.
struct Standing {
    std::string state, line_state, eta_basis, message;
    std::optional<long long> position, ahead, eta_seconds;
    double pause = 0;           // seconds until the next question
    std::string trouble, code;  // what is wrong at the moment, in words; the place is kept. And the API's word for it
    bool admitted = false;
    std::string admission_token, ticket, line_url;
};
struct Said : std::runtime_error {
    std::string code;  // the API's word for it
    double after;      // seconds for which it wants to be left alone
    explicit Said(const std::string& message, std::string word = "", double seconds = 0)
        : std::runtime_error(message), code(std::move(word)), after(seconds) {}
};
struct Refused : Said { using Said::Said; };  // the player may not enter, and asking again does not help
struct Trouble : Said { using Said::Said; };  // something that passes
struct Cancelled : std::runtime_error { using std::runtime_error::runtime_error; };  // `cancel` was called
struct Options {
    double timeout = 15;                  // of one call, in seconds
    std::function<void(double)> sleep{};  // waits so many seconds; the one that is built in wakes when cancelled
    std::function<double()> ticks = [] {  // a clock in ms that only ever rises
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
    };
};

namespace detail {
using Number = std::optional<double>;
struct NotOurs {};
inline void need(bool good) { if (!good) throw NotOurs(); }
inline std::optional<long long> whole(double n) { if (n < 0 || n >= 0x1p53) return {}; return static_cast<long long>(n); }
/// A value of JSON in UTF-8, read where it stands: in a text that ends with a NUL, and was passed over once.
struct Json {
    const char* p;

    bool sees(const char* some) const { return *p && std::strchr(some, *p); }
    char peek() { p += std::strspn(p, " \t\r\n"); return *p; }
    bool took(char wanted) { return peek() == wanted && ++p; }
    /// Passes over it, no deeper than 64. `each` is given the items, with their names in an object.
    void pass(const std::function<void(const std::string&, Json)>& each, int depth = 1) {
        const char end = peek() == '{' ? '}' : ']';
        need(depth <= 64);
        if (*p == '"') take();
        else if (sees("-0123456789")) p += std::strspn(p, "-+.0123456789eE");
        else if (!sees("{[")) for (const char c : std::string(*p == 't' ? "true" : *p == 'f' ? "false" : "null")) need(*p++ == c);
        else for (bool more = (++p, !took(end)); more; need((more = took(',')) || took(end))) {
            std::string name;
            if (end == '}') need(peek() == '"'), name = take(), need(took(':'));
            if (peek(); each) each(name, *this);
            pass({}, depth + 1);
        }
    }
    Json at(const std::string& name) const {
        Json all = *this, found{"null"};
        if (*p == '{') all.pass([&](const std::string& each, Json value) { if (each == name) found = value; });
        return found;
    }
    Number number() const {
        std::istringstream digits(std::string(p, std::strspn(p, "-+.0123456789eE")));
        digits.imbue(std::locale::classic());
        double found = 0;
        return digits >> found && digits.peek() < 0 && std::abs(found) <= 1e300 ? Number(found) : std::nullopt;
    }
    double sure() const { const Number found = number(); need(found.has_value()); return *found; }
    std::string text(const std::string& name) const { Json found = at(name); return *found.p == '"' ? found.take() : ""; }
    std::string take() {
        static const std::string from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
        std::string found;
        for (++p; *p != '"';) {
            unsigned long lead = static_cast<unsigned char>(*p), code = lead;
            need(lead >= ' ');
            const char* start = p++;
            const auto before = found.size(), n = from.find(*p);
            need(lead != '\\' || *p == 'u' || n != from.npos);
            if (lead == '\\') code = *p++ == 'u' ? unit() : static_cast<unsigned long>(to[n]);
            if (lead >= 0x80) code &= lead < 0xE0 ? 31 : lead < 0xF0 ? 15 : 7;
            for (int more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3; more-- > 0 && *p; ++p)
                code = code << 6 | (*p & 63);
            append(found, code);  // as it was, or it was no UTF-8
            need(lead < 0x80 || (code < 0x110000 && found.compare(before, found.npos, start, p - start) == 0));
        }
        return ++p, found;
    }
    unsigned long unit() {
        const std::string hex(p, (std::min<std::size_t>)(4, std::strspn(p, "0123456789abcdefABCDEF")));
        need(hex.size() == 4), p += 4;
        return std::stoul(hex, nullptr, 16);
    }
    void append(std::string& found, unsigned long code) {
        const bool pair = code >> 10 == 54 && p[0] == '\\' && p[1] == 'u';
        Json low{pair ? p + 2 : "0000"};
        if (const auto half = low.unit(); half >> 10 == 55) p = low.p, code = 0x10000 + ((code & 1023) << 10 | (half & 1023));
        if (code >> 11 == 27) code = 0xFFFD;  // half a pair is no character
        const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        found += static_cast<char>(more ? (0xFF00 >> (more + 1) & 0xFF) | code >> 6 * more : code);
        for (int n = more; n-- > 0;) found += static_cast<char>(0x80 | (code >> 6 * n & 63));
    }
};
inline Json read(const std::string& body) {  // the object that it is, with or without a BOM, of a MiB at most
    Json found{body.c_str() + (body.compare(0, 3, "\xEF\xBB\xBF") == 0 ? 3 : 0)};
    need(body.size() <= 1 << 20 && found.peek() == '{');
    Json all = found;
    all.pass({});
    need(all.peek() == 0 && all.p == body.c_str() + body.size());
    return found;
}
using Points = std::vector<std::pair<double, double>>;
inline double along(const Points& points, double x) {  // how high the line through them is at x; level beyond them
    const auto next = std::upper_bound(points.begin(), points.end(), std::pair(x, HUGE_VAL));
    if (next == points.begin() || next == points.end()) return (next == points.end() ? points.back() : *next).second;
    return next[-1].second + (next->second - next[-1].second) * (x - next[-1].first) / (next->first - next[-1].first);
}
inline std::string header(const Headers& headers, const std::string& name) {
    const auto same = [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a + 32 == b); };
    for (const auto& [key, value] : headers)
        if (std::equal(key.begin(), key.end(), name.begin(), name.end(), same)) return value;
    return "";
}
inline Number digits(const std::string& text) {
    return std::regex_match(text, std::regex("\\d{1,15}")) ? Number(std::stod(text)) : std::nullopt;
}
inline Number date(const std::string& text) {  // the seconds since the epoch of one of HTTP (RFC 9110, 5.6.7)
    static const std::regex shape("[A-Z][a-z]{2}, (\\d\\d) ([A-Z][a-z]{2}) (\\d{4}) (\\d\\d):(\\d\\d):(\\d\\d) GMT");
    static const std::string months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
    std::smatch parts;
    const auto found = std::regex_match(text, parts, shape) ? months.find(parts[2]) : months.npos;
    if (found == months.npos) return std::nullopt;
    const auto part = [&](std::size_t n) { return std::stol(parts[n]); };
    const long month = static_cast<long>(found / 4 + 10) % 12, year = part(3) - (month > 9);  // begun in March
    const long days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + part(1) - 719469;
    return 86400.0 * static_cast<double>(days) + static_cast<double>(3600 * part(4) + 60 * part(5) + part(6));
}
inline const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
inline Number end_of(const std::string& token) {  // in seconds since the epoch, if it says so
    std::string claims;
    std::size_t bits = 0, held = 0, n = (std::min)(token.find('.'), token.size());
    while (++n < token.size() && letters.find(token[n]) < 64) {
        bits = (bits << 6 | letters.find(token[n])) & 0xFFFF, held += 6;
        if (held >= 8) held -= 8, claims += static_cast<char>(bits >> held & 0xFF);
    }
    try { return read(claims).at("exp").number(); } catch (const NotOurs&) { return std::nullopt; }
}
inline std::string quoted(const std::string& text) {
    std::string found;
    for (const char c : text)
        if (letters.find(c) != letters.npos) found += c;
        else for (const int n : {-1, c >> 4 & 15, c & 15}) found += n < 0 ? '%' : "0123456789ABCDEF"[n];
    return found;
}
}  // namespace detail

/// One player's way through the queue at `url`. `token` gives the player's ID token; with true a fresh one.
class QueueClient {
  public:
    using Token = std::function<std::string(bool)>;
    using Http = std::function<Answer(const Request&)>;
    using Show = std::function<void(const Standing&)>;
    QueueClient(std::string url, Token token, Http http, Options options = {})
        : url_(std::move(url)), token_(std::move(token)), http_(std::move(http)), options_(std::move(options)) {
        url_.erase(url_.find_last_not_of('/') + 1);
    }
    /// End `enter` and `leave` with Cancelled, and any to come. The place in line is kept.
    void cancel() { const std::lock_guard<std::mutex> lock(mutex_); cancelled_ = true; wake_.notify_all(); }
    /// Wait until let in; the standing that says so. `show` is told of each. Throws Refused, Cancelled, as `token`.
    Standing enter(Show show = [](const Standing&) {}) {
        last_ = {}, show_ = std::move(show);
        for (;;) {
            Standing found = patiently("GET", "/login", "ticket");
            const std::string path = "/login/status?login_ticket=" + detail::quoted(found.ticket);
            try {
                while (!found.admitted) {
                    pause(last_ = found);
                    look_on();
                    found = patiently("GET", path, "login_status");
                }
                return found;
            } catch (const Refused& gone) {
                if (gone.code != "unknown_ticket" && gone.code != "ticket_expired") throw;
                show_(with(gone, 0));
            }
        }
    }
    /// Give the place up. Throws Refused, Cancelled, as `token`, and Trouble when three tries were in vain.
    void leave() { last_ = {}, show_ = [](const Standing&) {}, patiently("DELETE", "/login", "", 3); }
  private:
    std::string url_, held_;
    const Token token_; const Http http_; const Options options_; Show show_; Standing last_;
    detail::Number ends_, ahead_, line_;  // of the token, s; how far the API is ahead of `ticks`, ms; by the public line
    std::mt19937 random_{std::random_device()()};
    std::mutex mutex_; std::condition_variable wake_; bool cancelled_ = false;
    double chance() { return std::uniform_real_distribution<double>(0, 1)(random_); }
    Standing with(const Said& trouble, double pause) const {
        Standing now = last_;
        now.trouble = trouble.what(), now.code = trouble.code, now.pause = pause;
        if (now.code == "queue_closed") now.line_state = "closed";
        return now;
    }
    Standing patiently(const std::string& method, const std::string& path, const std::string& needs, int tries = 0) {
        for (int n = 0;; ++n) try { return call(method, path, needs); } catch (const Trouble& trouble) {
            if (n + 1 == tries) throw;
            const double longest = (std::min)(30.0, std::ldexp(1, (std::min)(n, 5)));
            pause(with(trouble, (std::max)(longest * (0.5 + chance() / 2), trouble.after)));
        }
    }
    void pause(const Standing& now) {
        show_(now), go_on();
        if (options_.sleep) options_.sleep(now.pause);
        else if (std::unique_lock<std::mutex> lock(mutex_); !cancelled_)
            wake_.wait_for(lock, std::chrono::duration<double>(now.pause), [this] { return cancelled_; });
        go_on();
    }
    void go_on() { const std::lock_guard<std::mutex> lock(mutex_); if (cancelled_) throw Cancelled("cancelled"); }
    Standing call(const std::string& method, const std::string& path, const std::string& needs) {
        Answer got = send(method, path, ends_soon());
        if (got.status == 401) got = send(method, path, true);
        const std::string number = std::to_string(got.status), said = detail::header(got.headers, "retry-after");
        const auto until = detail::date(said), now = detail::date(detail::header(got.headers, "date"));
        const double after = std::clamp(detail::digits(said).value_or(until && now ? *until - *now : 0), 0.0, 3600.0);
        try {
            const detail::Json found = detail::read(got.body), error = found.at("error");
            detail::need(got.status == 200 || (got.status >= 400 && error.sees("{")));  // errors of ours are objects
            const bool none = method == "DELETE" && (got.status == 404 || got.status == 410);  // nothing to give up
            if (got.status == 200 || none) return standing(found, needs);
            const std::string code = error.text("code"), text = error.text("message");
            const bool passes = got.status == 429 || got.status >= 500 || (got.status == 403 && code == "bad_request");
            if (passes) throw Trouble(text.empty() ? "HTTP " + number : text, code, after);
            throw Refused(text.empty() ? "HTTP " + number : text, code.empty() ? "http_" + number : code);
        } catch (const detail::NotOurs&) {
            throw Trouble(got.status >= 500 ? "HTTP " + number : "something else answered in its place", "", after);
        }
    }
    Answer send(const std::string& method, const std::string& path, bool force) {
        go_on();
        if (force || held_.empty()) {
            held_ = std::regex_replace(token_(force), std::regex("[^!-~]"), "");
            ends_ = detail::end_of(held_);
            if (force && ends_soon()) ends_.reset();  // used until it is refused: no storm of renewals
        }
        Answer got = reach({method, url_ + path, {{"Authorization", "Bearer " + held_}}, options_.timeout});
        if (const auto now = detail::date(detail::header(got.headers, "date"))) ahead_ = *now * 1000 - options_.ticks();
        return got;
    }
    bool ends_soon() const { return ends_ && ahead_ && *ends_ * 1000 - *ahead_ - options_.ticks() < 60000; }
    Answer reach(const Request& request) {
        Answer got;
        go_on();
        try { got = http_(request); } catch (...) {}
        go_on();
        if (got.status <= 0) throw Trouble("the server cannot be reached");
        return got;
    }
    static Standing standing(const detail::Json& found, const std::string& needs) {
        const bool in = found.at("login_status").sees("t") || !found.text("admission_token").empty();
        const auto told = found.at("poll_after_seconds").number();
        const auto number = [&](const char* name) { return detail::whole(found.at(name).number().value_or(-1)); };
        if (needs.empty()) return {};
        detail::need(found.at(needs).sees(needs == "ticket" ? "\"" : "tf") && (in || told));
        return {found.text("state"), found.text("line_state"), found.text("eta_basis"), found.text("message"),
                number("position"), number("ahead"), number("eta_seconds"), in ? 0 : std::clamp(*told, 0.5, 300.0), "", "",
                in, found.text("admission_token"), found.text("ticket"), found.text("line_url")};
    }
    /// Wait by the public line until `/login/status` is to be asked: at once where there is none, or it fails.
    void look_on() {
        static const std::regex safe("(https://|http://(localhost|127(\\.\\d{1,3}){3}|\\[::1\\])(:\\d+)?(/|$)).*");
        const std::string url = last_.line_url;  // where nobody on the way can read or change what it says
        if (last_.state != "waiting" || !last_.position || url.size() > 2000 || !std::regex_match(url, safe)) return;
        const double meeting = options_.ticks() + 480000 + 120000 * chance();
        for (bool due = false; !due && options_.ticks() < meeting;) {
            try {
                const Answer got = reach({"GET", url, {}, options_.timeout});
                const double kept = detail::digits(detail::header(got.headers, "age")).value_or(0) * 1000;
                if (got.status != 200 || kept > 10000) return;  // from a cache that is wrong there is nothing to learn
                due = look(detail::read(got.body), kept, static_cast<double>(*last_.position));
            } catch (const Trouble&) { return; } catch (const detail::NotOurs&) { return; }
            if (last_.pause > 0) pause(last_);
        }
    }
    /// What one look says to who has a position: in `last_`, and whether `/login/status` is asked next. All in ms.
    bool look(const detail::Json& found, double kept, double position) {
        const double at = found.at("at").sure(), reached = found.at("reached").sure(), tail = found.at("tail").sure();
        const double rate = found.at("rate_per_second").sure(), call_status = found.at("call_status").sure();
        const double longest = std::clamp(found.at("longest_poll_seconds").sure(), 1.0, 60.0) * 1000;
        detail::Points when, where;  // a position, and how long after `at` it is reached; and the other way round
        detail::need(found.at("curve").sees("["));
        found.at("curve").pass([&](const std::string&, detail::Json point) {
            std::vector<double> pair;
            point.pass([&](const std::string&, detail::Json each) { pair.push_back(each.sure()); });
            const bool first = when.empty();
            detail::need(pair.size() >= 2 && pair[0] * 1000 >= (first ? 0 : when.back().second));
            detail::need(first || pair[1] > when.back().first);
            when.emplace_back(pair[1], pair[0] * 1000), where.emplace_back(pair[0] * 1000, pair[1]);
        });
        line_ = (std::max)(line_.value_or(-HUGE_VAL), at + kept - options_.ticks());  // no answer is from the future
        const double t = options_.ticks() + *line_, end = when.empty() ? 0 : when.back().first;
        const double now = (std::max)(reached, where.empty() ? 0 : std::floor(detail::along(where, t - at)));
        detail::Number left;  // nothing where nobody knows; who came after this look waits as long as the last before
        last_.line_state = found.text("line_state"), last_.message = found.text("message"), last_.pause = 0;
        if (last_.line_state != "paused" && position <= reached) left = 0;
        else if (last_.line_state != "paused" && !when.empty() && (position <= end || (end >= tail && tail > reached)))
            left = (std::max)(0.0, at + detail::along(when, position) - t);
        last_.ahead = detail::whole((std::max)(0.0, position - now - 1));
        last_.eta_seconds = detail::whole(left ? std::ceil((std::max)(0.0, *left - 100) / 1000) : -1);
        const bool next = left && *left <= 4000;
        if (t - at > 10000 || (!next && chance() < call_status)) return true;  // too old; or a sign of life, of a few
        if (!left && position > tail) left = 4000;
        else if (!left && rate > 0) left = (std::max)(20000.0, (position - now) * 1000 / rate);
        const double near = left ? (std::min)({*left / 2, *left / 5 + 12000, longest}) : longest;
        last_.pause = (next ? *left + 500 * chance() : near * (0.8 + 0.2 * chance())) / 1000;  // never in step
        return next;
    }
};
}  // namespace loginq
