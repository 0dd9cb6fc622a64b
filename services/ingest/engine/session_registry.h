#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/model/session.h"
#include "common/time/clock.h"
#include "services/ingest/engine/peers.h"
#include "services/ingest/engine/session_leases.h"
#include "services/ingest/metrics.h"

namespace cairn::ingest {

// The sessions that this process has touched lately. Keeps the lease of each
// alive while a stream of it is open or it was used within idle_timeout and
// index has it as open, and knows which archives are being written. Nothing in
// here is needed to go on with a session: another process that is asked starts
// with an empty one. Thread-safe. Destroyed after its claims.
class SessionRegistry {
 public:
  struct Options {
    absl::Duration lease_ttl = absl::Minutes(2);  // 1 s..24 h
    absl::Duration idle_timeout = absl::Minutes(5);
    size_t max_sessions = 1024;
    // How many of them one principal with the client role may have open, so
    // that it leaves some to others. Administrators are not bounded.
    size_t max_sessions_per_client = 256;
    // How long a new stream waits for one whose connection is gone.
    absl::Duration takeover_timeout = absl::Seconds(30);
    std::string holder = "ingest";
  };
  // All outlive the registry.
  struct Dependencies {
    Peers peers;
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    IngestMetrics* metrics = nullptr;
  };

  // The right to write one archive of a session in this process; given back
  // when it goes.
  class Claim {
   public:
    ~Claim();
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    // `fail` is called when the session is fenced or ended, perhaps more
    // than once, and at once if that was so before: short and without
    // blocking. After Detach it is not called.
    using Fail = absl::AnyInvocable<void(const absl::Status&)>;
    void Attach(Fail fail);
    void Detach();

   private:
    friend class SessionRegistry;
    using Key = std::pair<SessionName, std::string>;
    Claim(SessionRegistry* registry, Key key)
        : registry_(registry), key_(std::move(key)) {}
    SessionRegistry* const registry_;
    const Key key_;
  };

  // The same as in Options.
  struct Limits {
    size_t max_sessions = 0;
    size_t max_sessions_per_client = 0;
  };

  SessionRegistry(const Options& options, const Dependencies& dependencies);
  ~SessionRegistry();
  SessionRegistry(const SessionRegistry&) = delete;
  SessionRegistry& operator=(const SessionRegistry&) = delete;

  // For sessions that are opened from now on.
  void SetLimits(const Limits& limits);
  Limits limits() const;

  // Whether the caller may open one more session now. ResourceExhausted
  // (LIMIT_EXCEEDED), with a retry delay: this process has max_sessions, or
  // the caller has max_sessions_per_client of them.
  absl::Status CheckRoom(const Call& call) const;

  // Notes a use of an open session whose lease was taken just now. As
  // CheckRoom, for one that is not known here.
  absl::Status Touch(const Call& call, const Session& session);

  // A session whose lease is held, for `ttl` from now.
  struct Renewed {
    absl::Duration ttl;
    Session session;  // as index has it since the lease is held
  };
  // Notes a use of the session and renews its lease. One that has expired is
  // acquired again with the session's epoch. Aborted (SESSION_FENCED),
  // FailedPrecondition (SESSION_ENDED): as after End. FailedPrecondition
  // (LEASE_HELD): another session has the group. As Touch.
  absl::StatusOr<Renewed> Renew(const Call& call, const Session& session);

  // Takes the archive for a stream whose connection is gone when the token
  // of `call` is cancelled; `call` outlives the claim. FailedPrecondition
  // (ARCHIVE_OPEN): another stream whose connection lives has it.
  absl::StatusOr<std::unique_ptr<Claim>> ClaimArchive(
      const Call& call, const Session& session, const std::string& archive);

  // The session has ended: its streams fail with `why`, its lease is
  // released, nothing keeps it any more.
  void End(const Call& call, const Session& session, const absl::Status& why);

  // For sessions that are not open yet.
  SessionLeases& leases() { return leases_; }
  size_t session_count() const;

 private:
  struct Entry {
    Session session;  // without archives
    absl::Duration last_used;
    Executor::TimerId timer = 0;
    // Tells a timer of this entry from one of an entry that was here before.
    uint64_t generation = 0;
  };
  struct OpenArchive {
    const CancellationToken* connection = nullptr;  // may be null
    Claim::Fail fail;
    absl::Status ended;  // why its session has, for who attaches late
  };

  absl::Status FindRoom(const Caller& caller) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void Erase(std::map<SessionName, Entry>::iterator entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailStreams(const SessionName& name, const absl::Status& why);
  bool HasStreams(const SessionName& name) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void ScheduleKeepAlive(const SessionName& name, Entry& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // OwnCall, with `time` to answer.
  Call OwnCallFor(absl::Duration time) const;
  void KeepAlive(const SessionName& name, uint64_t generation);
  // The entry of `name` if it is still the one of `generation`.
  Entry* Find(const SessionName& name, uint64_t generation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Renewed> RenewOpen(const Call& call, const Session& session);

  const Options options_;
  const Dependencies dependencies_;
  SessionLeases leases_;
  mutable absl::Mutex mutex_;
  Limits limits_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_generation_ ABSL_GUARDED_BY(mutex_) = 0;
  int keeping_alive_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<SessionName, Entry> sessions_ ABSL_GUARDED_BY(mutex_);
  // How many of them each owner has; none is 0.
  absl::flat_hash_map<std::string, size_t> owned_ ABSL_GUARDED_BY(mutex_);
  std::map<Claim::Key, OpenArchive> archives_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::ingest
