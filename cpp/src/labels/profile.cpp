#include "labels/profile.hpp"

#include <utility>

#include "base/text.hpp"

namespace swsss {
namespace {

std::string row(const std::string& name, double seconds, std::int64_t images) {
    const std::string each = images > 0 ? fixed(1000 * seconds / static_cast<double>(images), 2) : "-";
    const auto padded = [](const std::string& text, std::size_t width) {
        return std::string(text.size() < width ? width - text.size() : 0, ' ') + text;
    };
    return "  " + name + std::string(name.size() < 10 ? 10 - name.size() : 0, ' ') + padded(fixed(seconds, 3), 9) +
           " s" + padded(each, 9) + " ms an image";
}

}  // namespace

Profile::Profile(bool wanted, std::function<void(const std::string&)> tell) : wanted_(wanted), tell_(std::move(tell)) {}

void Profile::labelled(const Times& times, std::int64_t images, double seconds) {
    labelled_ = Clock::now();
    if (!wanted_) {
        return;
    }
    tell_("profile: " + std::to_string(images) + " images in " + fixed(seconds, 3) +
          " s; the stages work side by side, decode and write in several threads each");
    tell_(row("decode", times.decode, images));
    tell_(row("infer", times.infer, images));
    tell_(row("write", times.write, images));
}

void Profile::finished() {
    if (wanted_) {
        tell_(row("finish", std::chrono::duration<double>(Clock::now() - labelled_).count(), 0) +
              ": manifest, formats, report");
    }
}

}  // namespace swsss
