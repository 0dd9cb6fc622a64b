#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/model/names.h"
#include "common/model/uuid.h"
#include "tests/simulator/content.h"
#include "tests/simulator/scheduler.h"

namespace cairn::simulator {

// What the clients know, and so what the suite may never contradict.
class Ledger {
 public:
  // A session, and the snapshot that comes of it.
  struct Backup {
    Uuid session;
    SnapshotName name;
    Content content;
    bool finish_sent = false;
    bool acknowledged = false;
    // Told durable, by archive.
    std::map<std::string, uint64_t> durable;
    // When it was asked to be forgotten, and its time in trash is over: it
    // may be gone from then on.
    std::optional<absl::Duration> may_go_from;
    // Requests to forget it that may still be on their way.
    std::vector<std::weak_ptr<void>> forgets;
    // Of all its archives; set with the content.
    std::map<std::string, ArchiveRecords> records;
  };

  explicit Ledger(Scheduler* scheduler) : scheduler_(scheduler) {}

  Backup& Add(const Uuid& session, const SnapshotName& name);
  Backup* Find(const Uuid& session);
  Backup* FindByName(const SnapshotName& name);
  std::map<Uuid, Backup>& backups() { return backups_; }
  void SetContent(Backup& backup, Content content);

  // It was acknowledged: it exists until somebody asks to forget it.
  void Acknowledge(Backup& backup);
  bool MustExist(const Backup& backup) const;

  // It, or all there are and those that come while the request is on its way,
  // may be forgotten from now on. Whatever carries the request holds the
  // result.
  std::shared_ptr<void> Forget(Backup& backup, absl::Duration trash_time);
  std::shared_ptr<void> ForgetAny(absl::Duration trash_time);
  // Whether a request to forget it may be on its way.
  bool IsBeingForgotten(Backup& backup);
  // An undelete that began when nothing was on its way has succeeded.
  void Undelete(Backup& backup) { backup.may_go_from.reset(); }

 private:
  struct Prune {
    std::weak_ptr<void> request;
    absl::Duration trash_time;
  };
  void MayGo(Backup& backup, absl::Duration trash_time);

  Scheduler* const scheduler_;
  std::map<Uuid, Backup> backups_;
  std::vector<Prune> prunes_;
};

}  // namespace cairn::simulator
