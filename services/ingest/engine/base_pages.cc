#include "services/ingest/engine/base_pages.h"

#include <algorithm>
#include <vector>

#include "common/status/status_macros.h"
#include "services/ingest/engine/peers.h"

namespace cairn::ingest {

absl::StatusOr<std::string> BasePages::Get(const Call& call, const Digest& id) {
  const auto known =
      std::find_if(pages_.begin(), pages_.end(),
                   [&id](const auto& page) { return page.first == id; });
  if (known != pages_.end()) {
    pages_.splice(pages_.begin(), pages_, known);
    return known->second;
  }
  ASSIGN_OR_RETURN(std::vector<std::string> got,
                   sessions_->GetPages(ForPeer(call, *clock_), session_, {id}));
  pages_.emplace_front(id, std::move(got.front()));
  if (pages_.size() > kMaxPages) pages_.pop_back();
  return pages_.front().second;
}

}  // namespace cairn::ingest
