/// Load a model and label one image in memory: label_one model.onnx photo.jpg cat dog
#include <algorithm>
#include <array>
#include <iostream>
#include <swsss/engine.hpp>
#include <swsss/errors.hpp>

int main(int count, char** words) try {
    if (count < 3) {
        std::cerr << "usage: label_one MODEL IMAGE [CLASS...]\n";
        return 2;
    }
    const auto engine = swsss::open_engine(words[1], {.device = "cpu"});
    const auto& classes = engine->info().classes;
    swsss::Candidates allowed{0};  // background always is
    for (int index = 3; index < count; ++index) {
        const auto found = std::find(classes.begin(), classes.end(), words[index]);
        if (found == classes.end()) {
            throw swsss::UserError(std::string("the model knows no class ") + words[index]);
        }
        allowed.push_back(found - classes.begin());
    }
    const swsss::StoredImage stored = swsss::read_image(words[2]);
    const swsss::Image upright = swsss::orient(stored.image, stored.orientation);
    const std::array<const swsss::Image*, 1> batch{&upright};
    const auto labels = engine->label(batch, {&allowed, 1});
    for (const auto id : allowed) {
        const auto& mask = labels.front().mask.values;
        std::cout << classes[static_cast<std::size_t>(id)] << ": " << std::count(mask.begin(), mask.end(), id)
                  << " pixels\n";
    }
} catch (const swsss::UserError& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 2;
}
