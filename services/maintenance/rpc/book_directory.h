#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "common/rpc/token_directory.h"
#include "services/maintenance/engine/token_book.h"

namespace cairn::maintenance {

// The directory of a process that keeps the tokens itself. Thread-safe.
class BookDirectory final : public TokenDirectory {
 public:
  // `book` outlives the directory.
  explicit BookDirectory(const TokenBook* book) : book_(book) {}

  void Find(std::string_view token, Done done) override {
    done(book_->Find(token));
  }
  std::optional<absl::StatusOr<Caller>> FindNow(
      std::string_view token) override {
    return book_->Find(token);
  }

 private:
  const TokenBook* const book_;
};

}  // namespace cairn::maintenance
