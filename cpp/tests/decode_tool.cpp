/// For tests/test_cpp_images.py: decodes the files named on standard input, a JSON object a line.
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/hash.hpp"
#include "swsss/errors.hpp"
#include "swsss/image.hpp"

int main() {
    for (std::string path; std::getline(std::cin, path);) {
        nlohmann::json told{{"path", path}};
        try {
            const swsss::StoredImage stored = swsss::read_image(path);
            told["height"] = stored.image.height;
            told["width"] = stored.image.width;
            told["orientation"] = stored.orientation;
            told["sha256"] = swsss::sha256(stored.image.pixels);
        } catch (const swsss::UserError& error) {
            told["error"] = error.what();
        }
        std::cout << told.dump() << "\n";
    }
}
