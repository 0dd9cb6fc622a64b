#include "tests/simulator/ledger.h"

#include <algorithm>
#include <utility>

namespace cairn::simulator {

Ledger::Backup& Ledger::Add(const Uuid& session, const SnapshotName& name) {
  Backup& backup = backups_[session];
  backup.session = session;
  backup.name = name;
  return backup;
}

Ledger::Backup* Ledger::Find(const Uuid& session) {
  const auto found = backups_.find(session);
  return found == backups_.end() ? nullptr : &found->second;
}

// Sessions that were not published may have had the same name.
Ledger::Backup* Ledger::FindByName(const SnapshotName& name) {
  for (auto& [session, backup] : backups_) {
    if (backup.name == name && backup.acknowledged) return &backup;
  }
  return nullptr;
}

void Ledger::SetContent(Backup& backup, Content content) {
  backup.content = std::move(content);
  for (const auto& [name, word] : backup.content.archives) {
    backup.records.insert_or_assign(name, RecordsOf(word));
  }
}

void Ledger::Acknowledge(Backup& backup) {
  backup.acknowledged = true;
  for (const Prune& prune : prunes_) {
    if (!prune.request.expired()) MayGo(backup, prune.trash_time);
  }
}

bool Ledger::MustExist(const Backup& backup) const {
  return backup.acknowledged && (!backup.may_go_from.has_value() ||
                                 scheduler_->now() < *backup.may_go_from);
}

void Ledger::MayGo(Backup& backup, absl::Duration trash_time) {
  absl::Duration from = scheduler_->now() + trash_time;
  // Each request changes it, so that an undelete that it overtakes sees it.
  if (backup.may_go_from.has_value()) {
    from = std::min(from, *backup.may_go_from - absl::Nanoseconds(1));
  }
  backup.may_go_from = from;
}

std::shared_ptr<void> Ledger::Forget(Backup& backup,
                                     absl::Duration trash_time) {
  const auto request = std::make_shared<int>();
  MayGo(backup, trash_time);
  backup.forgets.push_back(request);
  return request;
}

std::shared_ptr<void> Ledger::ForgetAny(absl::Duration trash_time) {
  const auto request = std::make_shared<int>();
  for (auto& [session, backup] : backups_) {
    MayGo(backup, trash_time);
    backup.forgets.push_back(request);
  }
  prunes_.push_back({request, trash_time});
  return request;
}

bool Ledger::IsBeingForgotten(Backup& backup) {
  std::erase_if(backup.forgets, [](const auto& f) { return f.expired(); });
  std::erase_if(prunes_, [](const Prune& p) { return p.request.expired(); });
  return !backup.forgets.empty() || !prunes_.empty();
}

}  // namespace cairn::simulator
