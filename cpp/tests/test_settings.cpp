#include <doctest/doctest.h>

#include <cmath>
#include <fstream>

#include "labels/settings.hpp"
#include "temporary.hpp"

using namespace swsss;  // NOLINT(*-using-namespace): a test

namespace {

void write(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << '\n';
}

}  // namespace

TEST_CASE("cores heed the quota of a container") {
    const TemporaryFolder root;
    const auto groups = [&](const std::string& text) { write(root.path() / "proc/self/cgroup", text); };
    const auto set = [&](const std::string& name, const std::string& text) {
        write(root.path() / "sys/fs/cgroup" / name, text);
    };

    CHECK(std::isinf(cpu_quota(root.path())));
    CHECK(cores(root.path()) >= 1);

    groups("0::/a.slice/b");
    CHECK(std::isinf(cpu_quota(root.path())));
    set("cpu.max", "max 100000");
    CHECK(std::isinf(cpu_quota(root.path())));
    set("a.slice/b/cpu.max", "250000 100000");
    CHECK(cpu_quota(root.path()) == 2.5);
    set("a.slice/cpu.max", "50000 100000");  // of a group around it
    CHECK(cpu_quota(root.path()) == 0.5);
    CHECK(cores(root.path()) == 1);
    set("a.slice/cpu.max", "many 0");
    CHECK(cpu_quota(root.path()) == 2.5);

    groups("3:memory:/x\n2:cpu,cpuacct:/docker/1");  // version 1, and a path of the host
    CHECK(std::isinf(cpu_quota(root.path())));
    set("cpu,cpuacct/cpu.cfs_period_us", "100000");
    set("cpu,cpuacct/cpu.cfs_quota_us", "-1");
    CHECK(std::isinf(cpu_quota(root.path())));
    set("cpu,cpuacct/cpu.cfs_quota_us", "150000");
    CHECK(cpu_quota(root.path()) == 1.5);
}
