// Plays the C++ client to the scripted server: `driver BASE`. HTTP is the guide's own example for libcurl.

#include "loginq.hpp"
#include "http.hpp"

#include <iomanip>
#include <iostream>

struct SignedOut {};

static std::string base;

static std::string tell(const std::string& what, const std::string& text) {
    CURL* curl = curl_easy_init();
    std::string reply;
    curl_easy_setopt(curl, CURLOPT_URL, (base + "/__" + what).c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(text.size()));
    curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, text.c_str());
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    if (curl_easy_perform(curl) != CURLE_OK) std::exit(1);
    curl_easy_cleanup(curl);
    return reply;
}

template <class Each> static std::string written(const Each& each) {
    std::ostringstream out;
    out << std::fixed << std::setprecision(6) << each;
    return out.str();
}

static std::string play(const std::string& url, double timeout, const std::string& act) {
    if (act == "again") {
        const std::string first = play(url, timeout, "enter");
        return first + " " + play(url, timeout, "enter");
    }
    double slept = 0;
    loginq::QueueClient* playing = nullptr;
    loginq::Options options;
    options.timeout = timeout;
    options.ticks = [&] { return slept * 1000; };
    options.sleep = [&](double seconds) {
        slept += seconds;
        if (tell("sleep", written(seconds)) == "cancel") playing->cancel();
    };
    const auto token = [](bool force) {
        const std::string reply = tell("token", force ? "true" : "false");
        if (reply == "!") throw SignedOut();
        if (reply == "?") throw loginq::Trouble("the provider is away");
        return reply;
    };
    const auto show = [&](const loginq::Standing& now) {
        std::string lines;
        const auto add = [&](const std::string& name, const std::string& value) {
            if (!value.empty()) lines += name + "=" + value + "\n";
        };
        const auto number = [](std::optional<std::int64_t> n) { return n ? std::to_string(*n) : ""; };
        add("state", now.state), add("line_state", now.line_state), add("eta_basis", now.eta_basis);
        add("position", number(now.position)), add("ahead", number(now.ahead));
        add("eta_seconds", number(now.eta_seconds)), add("pause", written(now.pause));
        add("code", now.code), add("trouble", now.trouble.empty() ? "" : "1");
        if (tell("show", lines + "message=" + now.message) == "cancel") playing->cancel();
    };
    loginq::QueueClient client(url, token, http, options);
    playing = &client;
    try {
        if (act == "enter") return "admitted " + client.enter(show).admission_token;
        client.leave();
        return "left";
    } catch (const loginq::Refused& refusal) {
        return "refused " + refusal.code;
    } catch (const loginq::Cancelled&) {
        return "cancelled";
    } catch (const loginq::Trouble&) {
        return "trouble";
    } catch (const SignedOut&) {
        return "signed out";
    } catch (const std::exception& fault) {
        return std::string("crashed ") + fault.what();
    }
}

int main(int, char** words) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    base = words[1];
    for (std::string told = tell("next", ""); !told.empty(); told = tell("next", "")) {
        std::istringstream lines(told);
        std::string url, timeout, act;
        std::getline(lines, url), std::getline(lines, timeout), std::getline(lines, act);
        tell("end", play(url, std::stod(timeout), act));
    }
    curl_global_cleanup();
}
