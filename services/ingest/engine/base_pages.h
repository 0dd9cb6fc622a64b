#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/digest.h"
#include "common/model/session.h"
#include "common/time/clock.h"
#include "services/index/client/session_client.h"

namespace cairn::ingest {

// The pages of what a session may take over of its base, as a PageSource
// needs them. Holds the last few, so that the way down the tree, which two
// changed ranges share for the most part, is asked for once. Not thread-safe.
class BasePages {
 public:
  // `sessions` and `clock` outlive it.
  BasePages(SessionClient* sessions, const Clock* clock,
            const SessionRef& session)
      : sessions_(sessions), clock_(clock), session_(session) {}

  // Not proved. Errors as SessionClient::GetPages.
  absl::StatusOr<std::string> Get(const Call& call, const Digest& id);

 private:
  // Two ways down the highest tree.
  static constexpr size_t kMaxPages = 16;

  SessionClient* const sessions_;
  const Clock* const clock_;
  const SessionRef session_;
  std::list<std::pair<Digest, std::string>> pages_;  // used last first
};

}  // namespace cairn::ingest
