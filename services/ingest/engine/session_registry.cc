#include "services/ingest/engine/session_registry.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"
#include "common/status/status_macros.h"
#include "services/ingest/domain/session_state.h"

namespace cairn::ingest {
namespace {

// For who finds as many sessions here as may be: until one ends.
constexpr absl::Duration kRetryDelay = absl::Seconds(10);

SessionName NameOf(const Session& session) {
  return {session.snapshot.group.parent.datastore, session.ref.session};
}

absl::StatusOr<Session> FindInIndex(
    const Call& call, const Session& session,
    const SessionRegistry::Dependencies& dependencies) {
  return dependencies.peers.sessions->GetSession(
      ForPeer(call, *dependencies.clock), NameOf(session));
}

// Of a session as index has it; OK: it is open, or index was not to be asked.
absl::Status WhyEnded(const absl::StatusOr<Session>& found) {
  if (HasReason(found.status(), reason::kSessionNotFound)) {
    return WithReason(absl::FailedPreconditionError(found.status().message()),
                      reason::kSessionEnded);
  }
  return found.ok() ? CheckOpen(*found) : absl::OkStatus();
}

}  // namespace

SessionRegistry::SessionRegistry(const Options& options,
                                 const Dependencies& dependencies)
    : options_(options),
      dependencies_(dependencies),
      leases_({.ttl = options.lease_ttl,
               .holder = options.holder,
               .max_unreleased = options.max_sessions},
              {.leases = dependencies.peers.leases,
               .clock = dependencies.clock,
               .executor = dependencies.executor,
               .metrics = dependencies.metrics}),
      limits_{.max_sessions = options.max_sessions,
              .max_sessions_per_client = options.max_sessions_per_client} {}

SessionRegistry::~SessionRegistry() {
  std::vector<Executor::TimerId> timers;
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    for (const auto& [name, entry] : sessions_) timers.push_back(entry.timer);
  }
  for (const Executor::TimerId timer : timers) {
    dependencies_.executor->Cancel(timer);
  }
  // A timer that had begun before and replaced itself.
  absl::MutexLock lock(&mutex_);
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return keeping_alive_ == 0;
  };
  dependencies_.executor->Await(&mutex_, absl::Condition(&idle),
                                absl::InfiniteDuration());
}

void SessionRegistry::SetLimits(const Limits& limits) {
  absl::MutexLock lock(&mutex_);
  limits_ = limits;
}

SessionRegistry::Limits SessionRegistry::limits() const {
  absl::MutexLock lock(&mutex_);
  return limits_;
}

size_t SessionRegistry::session_count() const {
  absl::MutexLock lock(&mutex_);
  return sessions_.size();
}

absl::Status SessionRegistry::FindRoom(const Caller& caller) const {
  const auto refused = [](Counter& counter, const std::string& text) {
    counter.Increment();
    return WithRetryDelay(
        WithReason(absl::ResourceExhaustedError(text), reason::kLimitExceeded),
        kRetryDelay);
  };
  if (sessions_.size() >= limits_.max_sessions) {
    return refused(dependencies_.metrics->sessions_refused_here,
                   absl::StrCat("ingest keeps ", sessions_.size(),
                                " sessions, allowed are ", limits_.max_sessions,
                                "; try again later"));
  }
  if (caller.role != CallerRole::kBackup) return absl::OkStatus();
  const auto owned = owned_.find(caller.principal);
  if (owned == owned_.end() ||
      owned->second < limits_.max_sessions_per_client) {
    return absl::OkStatus();
  }
  return refused(dependencies_.metrics->sessions_refused_to_client,
                 absl::StrCat(caller.principal, " has ", owned->second,
                              " open sessions, one client is allowed ",
                              limits_.max_sessions_per_client,
                              "; finish or abort some, or try again later"));
}

absl::Status SessionRegistry::CheckRoom(const Call& call) const {
  absl::MutexLock lock(&mutex_);
  return FindRoom(call.caller);
}

absl::Status SessionRegistry::Touch(const Call& call, const Session& session) {
  absl::MutexLock lock(&mutex_);
  const SessionName name = NameOf(session);
  auto found = sessions_.find(name);
  if (found == sessions_.end()) {
    RETURN_IF_ERROR(FindRoom(call.caller));
    found = sessions_.emplace(name, Entry{.session = session}).first;
    ++owned_[session.owner];
    // Checkpoints may be large, and nothing here needs them.
    found->second.session.archives.clear();
    found->second.generation = ++last_generation_;
    ScheduleKeepAlive(name, found->second);
  }
  found->second.last_used = dependencies_.clock->Monotonic();
  return absl::OkStatus();
}

void SessionRegistry::ScheduleKeepAlive(const SessionName& name, Entry& entry) {
  if (closing_) return;
  entry.timer = dependencies_.executor->ScheduleAfter(
      options_.lease_ttl / 3, [this, name, generation = entry.generation] {
        KeepAlive(name, generation);
      });
}

void SessionRegistry::Erase(std::map<SessionName, Entry>::iterator entry) {
  const auto owned = owned_.find(entry->second.session.owner);
  if (--owned->second == 0) owned_.erase(owned);
  sessions_.erase(entry);
}

bool SessionRegistry::HasStreams(const SessionName& name) const {
  const auto found = archives_.lower_bound({name, ""});
  return found != archives_.end() && found->first.first == name;
}

SessionRegistry::Entry* SessionRegistry::Find(const SessionName& name,
                                              uint64_t generation) {
  const auto found = sessions_.find(name);
  if (found == sessions_.end() || found->second.generation != generation) {
    return nullptr;
  }
  return &found->second;
}

Call SessionRegistry::OwnCallFor(absl::Duration time) const {
  Call call = OwnCall();
  call.deadline = dependencies_.clock->Now() + time;
  return call;
}

void SessionRegistry::KeepAlive(const SessionName& name, uint64_t generation) {
  Session session;
  {
    absl::MutexLock lock(&mutex_);
    const Entry* const entry = Find(name, generation);
    if (closing_ || entry == nullptr) return;
    if (!HasStreams(name) &&
        dependencies_.clock->Monotonic() - entry->last_used >
            options_.idle_timeout) {
      // Its lease now runs out by itself unless the client comes back.
      Erase(sessions_.find(name));
      return;
    }
    session = entry->session;
    ++keeping_alive_;
  }
  // Asked first: the lease of a session that ended through another process is
  // not to be taken again, not even for the moment until that is known. With
  // the third of the ttl between two times, neither takes so long that the
  // next renewal comes too late.
  const absl::Status ended = WhyEnded(
      FindInIndex(OwnCallFor(options_.lease_ttl / 6), session, dependencies_));
  absl::Status status;
  if (ended.ok()) {
    status = RenewOpen(OwnCallFor(options_.lease_ttl / 3), session).status();
  } else {
    End(OwnCall(), session, ended);
  }
  if (!status.ok()) {
    LOG(WARNING) << "lease not renewed session="
                 << session.ref.session.ToString() << " error=" << status;
  }
  absl::MutexLock lock(&mutex_);
  --keeping_alive_;
  // A session that has ended is here no more.
  Entry* const entry = Find(name, generation);
  if (entry != nullptr) ScheduleKeepAlive(name, *entry);
}

absl::StatusOr<SessionRegistry::Renewed> SessionRegistry::Renew(
    const Call& call, const Session& session) {
  RETURN_IF_ERROR(Touch(call, session));
  return RenewOpen(call, session);
}

absl::StatusOr<SessionRegistry::Renewed> SessionRegistry::RenewOpen(
    const Call& call, const Session& session) {
  const absl::StatusOr<Lease> lease = leases_.Renew(call, session);
  // Asked once the lease is held: a session that ended before may have had it
  // released by another process, and would keep its group from others.
  absl::StatusOr<Session> found = FindInIndex(call, session, dependencies_);
  absl::Status ended = WhyEnded(found);
  if (ended.ok() && HasReason(lease.status(), reason::kSessionFenced)) {
    ended = lease.status();
  }
  if (!ended.ok()) {
    End(call, session, ended);
    return ended;
  }
  RETURN_IF_ERROR(lease.status());
  RETURN_IF_ERROR(found.status());
  return Renewed{.ttl = lease->ttl, .session = *std::move(found)};
}

absl::StatusOr<std::unique_ptr<SessionRegistry::Claim>>
SessionRegistry::ClaimArchive(const Call& call, const Session& session,
                              const std::string& archive) {
  const Claim::Key key(NameOf(session), archive);
  absl::MutexLock lock(&mutex_);
  const auto found = archives_.find(key);
  if (found != archives_.end()) {
    const CancellationToken* const other = found->second.connection;
    // A stream without a connection is gone as soon as its handler ends.
    const auto is_free = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return !archives_.contains(key);
    };
    if (other == nullptr || !other->cancelled() ||
        !dependencies_.executor->Await(&mutex_, absl::Condition(&is_free),
                                       options_.takeover_timeout)) {
      return WithReason(
          absl::FailedPreconditionError(absl::StrCat(
              "archive ", archive, " of session ",
              session.ref.session.ToString(),
              " is being written by another stream; end that one first")),
          reason::kArchiveOpen);
    }
  }
  archives_[key].connection = call.cancellation;
  return std::unique_ptr<Claim>(new Claim(this, key));
}

void SessionRegistry::Claim::Attach(Fail fail) {
  absl::MutexLock lock(&registry_->mutex_);
  OpenArchive& archive = registry_->archives_[key_];
  archive.fail = std::move(fail);
  if (!archive.ended.ok()) archive.fail(archive.ended);
}

void SessionRegistry::Claim::Detach() {
  absl::MutexLock lock(&registry_->mutex_);
  registry_->archives_[key_].fail = nullptr;
}

SessionRegistry::Claim::~Claim() {
  absl::MutexLock lock(&registry_->mutex_);
  registry_->archives_.erase(key_);
  const auto found = registry_->sessions_.find(key_.first);
  if (found == registry_->sessions_.end()) return;
  found->second.last_used = registry_->dependencies_.clock->Monotonic();
}

void SessionRegistry::FailStreams(const SessionName& name,
                                  const absl::Status& why) {
  absl::MutexLock lock(&mutex_);
  for (auto it = archives_.lower_bound({name, ""});
       it != archives_.end() && it->first.first == name; ++it) {
    it->second.ended = why;
    if (it->second.fail != nullptr) it->second.fail(why);
  }
}

void SessionRegistry::End(const Call& call, const Session& session,
                          const absl::Status& why) {
  const SessionName name = NameOf(session);
  FailStreams(name, why);
  Executor::TimerId timer = 0;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = sessions_.find(name);
    if (found != sessions_.end()) {
      timer = found->second.timer;
      Erase(found);
    }
  }
  // Waits for a renewal on its way, which would follow the release.
  if (timer != 0) dependencies_.executor->Cancel(timer);
  leases_.Release(call, session);
}

}  // namespace cairn::ingest
