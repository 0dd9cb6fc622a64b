#include "services/ingest/engine/session_upkeep.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "common/log/log.h"
#include "common/log/log_fields.h"
#include "common/model/catalog.h"
#include "common/model/lease.h"
#include "common/model/session.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/trace/trace_context.h"

namespace cairn::ingest {
namespace {

// Of one list in one round: a million items.
constexpr int kMaxPages = 1000;
// An event and two commits each; what is left is done by the next round.
constexpr uint32_t kManifestsPerRound = 256;

// Hands every item of a list to `visit`.
template <typename T>
absl::Status ForEach(
    absl::FunctionRef<absl::StatusOr<ListPage<T>>(const PageRequest&)> list,
    absl::FunctionRef<void(const T&)> visit) {
  PageRequest request{.page_size = kMaxPageSize};
  for (int page = 0; page < kMaxPages; ++page) {
    ASSIGN_OR_RETURN(const ListPage<T> found, list(request));
    for (const T& item : found.items) visit(item);
    if (found.next_page_token.empty()) break;
    request.page_token = found.next_page_token;
  }
  return absl::OkStatus();
}

absl::Status CheckGoesOn(const Call& call) {
  return call.cancellation == nullptr ? absl::OkStatus()
                                      : call.cancellation->Check();
}

bool IsAway(const absl::Status& error) {
  return absl::IsUnavailable(error) || absl::IsDeadlineExceeded(error);
}

}  // namespace

SessionUpkeep::SessionUpkeep(const Options& options,
                             const Dependencies& dependencies)
    : options_(options),
      dependencies_(dependencies),
      repeater_(dependencies.executor, [this](const CancellationToken& stop) {
        return RunRound(stop);
      }) {}

SessionUpkeep::~SessionUpkeep() { Stop(); }

void SessionUpkeep::Start() { repeater_.Start(); }

void SessionUpkeep::Stop() { repeater_.Stop(); }

absl::Duration SessionUpkeep::RunRound(const CancellationToken& stop) {
  LogFields fields;
  SetTraceFields(ToTraceParent(NewTrace()), &fields);
  const LogScope scope(&fields);
  Call call{.caller = {.kind = CallerKind::kLocal,
                       .role = CallerRole::kIngest,
                       .principal = "ingest@service"}};
  call.cancellation = &stop;
  const absl::Status result = Run(call);
  if (stop.cancelled()) return options_.period;
  // Every further failure of the same kind says nothing new.
  if (!result.ok() && !failing_) {
    LOG(WARNING) << "upkeep of sessions failed, it is repeated error="
                 << result;
  }
  failing_ = !result.ok();
  return options_.period;
}

absl::Status SessionUpkeep::Run(const Call& call) {
  std::vector<std::string> datastores;
  RETURN_IF_ERROR(ForEach<Datastore>(
      [&](const PageRequest& page) {
        return dependencies_.peers.catalog->ListDatastores(
            ForPeer(call, *dependencies_.clock), page);
      },
      [&](const Datastore& one) { datastores.push_back(one.name); }));
  absl::Status result;
  for (const std::string& datastore : datastores) {
    RETURN_IF_ERROR(CheckGoesOn(call));
    result.Update(SeeTo(call, datastore));
  }
  return result;
}

absl::Status SessionUpkeep::SeeTo(const Call& call,
                                  const std::string& datastore) {
  ASSIGN_OR_RETURN(const CatalogStatistics counted,
                   dependencies_.peers.catalog->GetStatistics(
                       ForPeer(call, *dependencies_.clock), datastore));
  absl::Status result;
  const uint64_t most = counted.max_sessions;
  const uint64_t sessions =
      counted.open_sessions + counted.uncancelled_sessions;
  const bool crowded = sessions >= most - most / 4;
  if (crowded) {
    result = EndAbandoned(call, datastore, sessions - most / 2);
  } else {
    without_lease_.erase(datastore);
  }
  // Some of those that were ended may have been about to publish.
  if (crowded || counted.uncancelled_sessions > 0) {
    result.Update(CancelManifests(call, datastore));
  }
  return result;
}

absl::Status SessionUpkeep::EndAbandoned(const Call& call,
                                         const std::string& datastore,
                                         uint64_t count) {
  const Peers& peers = dependencies_.peers;
  std::vector<Session> open;
  RETURN_IF_ERROR(ForEach<Session>(
      [&](const PageRequest& page) {
        return peers.sessions->ListSessions(ForPeer(call, *dependencies_.clock),
                                            datastore, /*open_only=*/true,
                                            page);
      },
      [&](const Session& session) {
        open.push_back(session);
        open.back().archives.clear();
      }));
  // After the sessions: each of them has had its lease before it was there.
  std::set<Uuid> leased;
  RETURN_IF_ERROR(ForEach<Lease>(
      [&](const PageRequest& page) {
        return peers.leases->List(ForPeer(call, *dependencies_.clock),
                                  datastore, page);
      },
      [&](const Lease& lease) {
        if (lease.remaining > absl::ZeroDuration()) leased.insert(lease.id);
      }));
  std::erase_if(open, [&leased](const Session& session) {
    return leased.contains(session.lease);
  });
  std::set<Uuid>& before = without_lease_[datastore];
  std::set<Uuid> now;
  for (const Session& session : open) now.insert(session.ref.session);
  std::erase_if(open, [&before](const Session& session) {
    return !before.contains(session.ref.session);
  });
  before = std::move(now);
  std::sort(open.begin(), open.end(), [](const Session& a, const Session& b) {
    return a.open_time < b.open_time;
  });
  uint64_t ended = 0;
  for (const Session& session : open) {
    if (ended == count) break;
    RETURN_IF_ERROR(CheckGoesOn(call));
    const absl::Status aborted = peers.sessions->AbortSession(
        ForPeer(call, *dependencies_.clock), session.ref);
    // Another was faster.
    if (HasReason(aborted, reason::kSessionEnded)) continue;
    RETURN_IF_ERROR(aborted);
    ++ended;
  }
  if (ended > 0) {
    LOG(WARNING) << "abandoned sessions ended, the datastore was near its "
                    "limit datastore="
                 << datastore << " sessions=" << ended;
  }
  return absl::OkStatus();
}

absl::Status SessionUpkeep::CancelManifests(const Call& call,
                                            const std::string& datastore) {
  ASSIGN_OR_RETURN(const ListPage<Session> found,
                   dependencies_.peers.sessions->ListUncancelled(
                       ForPeer(call, *dependencies_.clock), datastore,
                       {.page_size = kManifestsPerRound}));
  absl::Status result;
  for (const Session& session : found.items) {
    RETURN_IF_ERROR(CheckGoesOn(call));
    const absl::Status cancelled = dependencies_.changes->Apply(
        call, datastore,
        RefusedPublishChange{.name = session.snapshot,
                             .session = session.ref.session,
                             .manifest = Digest()});
    if (cancelled.ok()) {
      LOG(INFO) << "manifest of an ended session cancelled snapshot="
                << session.snapshot.ToString();
      continue;
    }
    // One manifest in trouble keeps no other from its event.
    result.Update(cancelled);
    if (IsAway(cancelled)) break;
  }
  return result;
}

}  // namespace cairn::ingest
