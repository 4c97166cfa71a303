/// Mistakes of the user and wishes to stop, told in sentences.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace swsss {

/// Something in the user's command or files is wrong; the message says what, where and what to do.
class UserError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// The user asked to stop; the state is saved, and the message says how to go on.
class Interrupted : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Work that had begun cannot go on; what is done is kept, and the message says why and how to go on.
class Unfinished : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

/// Everything that is wrong with a set of inputs, found in one pass and told in one list.
class InputError : public UserError {
  public:
    /// @param problems One sentence each, naming file, line or field where there is one.
    explicit InputError(std::vector<std::string> problems);

    [[nodiscard]] const std::vector<std::string>& problems() const noexcept { return problems_; }

    /// How many problems the message shows.
    static constexpr std::size_t shown = 20;

  private:
    std::vector<std::string> problems_;
};

}  // namespace swsss
