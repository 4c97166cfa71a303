#include "formats/archive.hpp"

#include <zlib.h>

#include <algorithm>

#include "swsss/errors.hpp"

namespace swsss {
namespace {

constexpr std::uint64_t many = 0xFFFF;
constexpr std::uint64_t large = 0xFFFFFFFF;
constexpr unsigned utf8_names = 0x800;
constexpr unsigned day = 0x21;  // 1 January 1980, midnight
constexpr std::uint64_t unix_made = 3;
constexpr std::uint64_t mode = 0100644ULL << 16U;
constexpr std::uint64_t version = 20;
constexpr std::uint64_t version_of_zip64 = 45;

/// Bytes of a record, its numbers from the lowest byte up.
class Record {
  public:
    explicit Record(std::string_view signature) : bytes_(signature) {}
    Record& two(std::uint64_t value) { return number(value, 2); }
    Record& four(std::uint64_t value) { return number(value, 4); }
    Record& eight(std::uint64_t value) { return number(value, 8); }
    Record& text(std::string_view value) {
        bytes_ += value;
        return *this;
    }
    [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

  private:
    Record& number(std::uint64_t value, int size) {
        for (int index = 0; index < size; ++index) {
            bytes_ += static_cast<char>(value >> (8U * static_cast<unsigned>(index)) & 0xFFU);
        }
        return *this;
    }

    std::string bytes_;
};

std::uint32_t checksum(std::string_view data, std::uint32_t before) {
    const auto* bytes = reinterpret_cast<const Bytef*>(data.data());  // NOLINT(*-reinterpret-cast)
    return static_cast<std::uint32_t>(crc32_z(before, bytes, data.size()));
}

}  // namespace

void Archive::add(const std::string& name, std::string_view data) {
    begin(name, checksum(data, 0), data.size());
    put(data);
}

void Archive::add(const std::string& name, Spool& content) {
    std::uint32_t check = 0;
    content.read_back([&](std::string_view block) { check = checksum(block, check); });
    begin(name, check, content.size());
    content.read_back([&](std::string_view block) { put(block); });
}

void Archive::begin(const std::string& name, std::uint32_t check, std::uint64_t size) {
    if (size > large || name.size() > many) {
        throw UserError(name + " is too large for an archive.");
    }
    const std::uint64_t offset = position_;
    Record wide("");
    if (offset >= large) {
        wide.two(1).two(8).eight(offset);
    }
    Record common("");
    common.two(offset >= large ? version_of_zip64 : version).two(utf8_names).two(0).two(0).two(day);
    common.four(check).four(size).four(size).two(name.size());
    put(Record("PK\x03\x04").text(common.bytes()).two(0).text(name).bytes());
    Record entry("PK\x01\x02");
    entry.two(unix_made << 8U | version_of_zip64).text(common.bytes());
    entry.two(wide.bytes().size()).two(0).two(0).two(0).four(mode).four(std::min(offset, large));
    directory_.write(entry.text(name).text(wide.bytes()).bytes());
    ++count_;
}

void Archive::close() {
    const std::uint64_t offset = position_;
    const std::uint64_t size = directory_.size();
    directory_.read_back([&](std::string_view block) { put(block); });
    if (count_ >= many || std::max(offset, size) >= large) {
        Record wide("PK\x06\x06");
        wide.eight(44).two(version_of_zip64).two(version_of_zip64).four(0).four(0);
        put(wide.eight(count_).eight(count_).eight(size).eight(offset).bytes());
        put(Record("PK\x06\x07").four(0).eight(offset + size).four(1).bytes());
    }
    const std::uint64_t count = std::min(count_, many);
    Record end("PK\x05\x06");
    end.two(0).two(0).two(count).two(count).four(std::min(size, large)).four(std::min(offset, large)).two(0);
    put(end.bytes());
}

void Archive::put(std::string_view data) {
    write_(data);
    position_ += data.size();
}

}  // namespace swsss
