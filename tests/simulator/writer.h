#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/session.h"
#include "tests/simulator/cluster.h"

namespace cairn::simulator {

// A client that backs up one group again and again, in a task of its own:
// opens a session, writes archives by one way or another, waits now and then
// longer than any lease lasts, comes back after every lost answer, and
// finishes.
class Writer {
 public:
  // `letters`: how many it writes with.
  Writer(Cluster* cluster, int number, uint64_t letters);

  // Until `stop`.
  void Run(const bool* stop);
  uint64_t published() const { return published_; }

 private:
  // Asks replicas until one gives an answer that says more than that the
  // outcome is not known, or patience is over.
  template <typename R>
  R Insist(const std::string& what,
           const std::function<R(ingest::IngestEngine&, const Call&)>& ask);

  void BackUp();
  Word DrawWord();
  Content DrawContent(const Ledger::Backup* base);
  // What the session may take over of its base, if anything is known of it.
  const Ledger::Backup* BaseOf(const Session& session);
  // Until the archive is complete: false if the session is to be given up.
  bool Write(Ledger::Backup& backup, const Session& opened,
             const std::string& archive);
  // One stream, from `from` on.
  absl::Status WriteOnce(Ledger::Backup& backup, const Session& session,
                         const std::string& archive, uint64_t from,
                         bool is_begun);
  void Finish(Ledger::Backup& backup, const Session& session);
  // A session that has not lost its lease is not refused, and nobody is told
  // what cannot be.
  void CheckRefusal(const Session& session, const absl::Status& status);
  void Pause();

  Cluster* const cluster_;
  Scheduler* const scheduler_;
  const GroupName group_;
  const uint64_t letters_;      // fewer are shared more
  bool reuse_refused_ = false;  // in this session
  uint64_t published_ = 0;
};

}  // namespace cairn::simulator
