#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "common/rpc/token_directory.h"
#include "services/ingest/engine/token_replica.h"

namespace cairn::ingest {

// The directory of a process that has a copy of the tokens. Thread-safe.
class ReplicaDirectory final : public TokenDirectory {
 public:
  // `replica` outlives the directory.
  explicit ReplicaDirectory(TokenReplica* replica) : replica_(replica) {}

  void Find(std::string_view token, Done done) override {
    replica_->Find(token, std::move(done));
  }
  std::optional<absl::StatusOr<Caller>> FindNow(
      std::string_view token) override {
    return replica_->FindNow(token);
  }

 private:
  TokenReplica* const replica_;
};

}  // namespace cairn::ingest
