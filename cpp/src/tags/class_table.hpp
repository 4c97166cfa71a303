/// The class table: names and ids.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

namespace swsss {

/// Class names in the order of their ids; id 0 is background.
class ClassTable {
  public:
    /// @throws UserError The number of names is not 2 to 255, or a name occurs twice.
    explicit ClassTable(std::vector<std::string> names);

    [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
    [[nodiscard]] int size() const noexcept { return static_cast<int>(names_.size()); }

    /// Class id of a name, or -1.
    [[nodiscard]] int find(const std::string& name) const;

    /// "the classes are cat, dog.", for messages; a long list is cut.
    [[nodiscard]] std::string listing() const;

  private:
    std::vector<std::string> names_;
    std::unordered_map<std::string, int> ids_;
};

}  // namespace swsss
