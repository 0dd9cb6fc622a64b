#include "tests/simulator/chaos.h"

#include "absl/status/status.h"
#include "common/status/reason.h"

namespace cairn::simulator {

Process* Chaos::Draw() {
  return cluster_->processes()[scheduler_->Draw(cluster_->processes().size())];
}

void Chaos::Arm() {
  const auto most = static_cast<uint64_t>(absl::ToInt64Milliseconds(2 * mean_));
  scheduler_->At(
      scheduler_->now() + absl::Milliseconds(1 + scheduler_->Draw(most)),
      [this] {
        if (over_) return;
        Strike();
        Arm();
      });
}

void Chaos::Strike() {
  ++strokes_;
  Process* const process = Draw();
  if (!process->up()) return;
  switch (scheduler_->Draw(8)) {
    case 0:
    case 1:
      return Kill(process, /*power_cut=*/false);
    case 2:
    case 3:
      return Kill(process, /*power_cut=*/true);
    case 4:
    case 5:
      // Stands still, as by SIGSTOP, beyond the ttl of leases or not.
      return process->PauseUntil(scheduler_->now() +
                                 absl::Seconds(1 + scheduler_->Draw(300)));
    default:
      return FailDisk();
  }
}

void Chaos::Kill(Process* process, bool power_cut) {
  cluster_->Kill(process, power_cut);
  scheduler_->At(
      scheduler_->now() + absl::Milliseconds(scheduler_->Draw(40'000)),
      [process] {
        if (!process->up()) process->Start();
      });
}

void Chaos::FailDisk() {
  StoreProcess& store = cluster_->store();
  const uint64_t nth = 1 + scheduler_->Draw(12);
  const absl::Status io = absl::UnavailableError("input/output error");
  switch (scheduler_->Draw(4)) {
    case 0:
      return store.files().FailCall(FileOperation::kSync, nth, io);
    case 1:
      return store.files().FailCall(FileOperation::kSyncDirectory, nth, io);
    case 2:
      return store.files().FailCall(
          FileOperation::kWrite, nth,
          WithReason(absl::ResourceExhaustedError("no space left on device"),
                     reason::kStorageFull));
    default: {
      // A database that has met an error takes nothing more, and its process
      // ends.
      MemoryKvStore* const rows[] = {&cluster_->index().kv(), &store.kv(),
                                     &cluster_->maintenance().kv()};
      const uint64_t which = scheduler_->Draw(3);
      rows[which]->FailCommitsFrom(nth, io);
      Process* const process = cluster_->processes()[which];
      scheduler_->At(
          scheduler_->now() + absl::Milliseconds(scheduler_->Draw(20'000)),
          [process, life = process->life()] {
            if (process->up() && process->life() == life) {
              process->Report(absl::UnavailableError("database"));
            }
          });
    }
  }
}

void Chaos::EndFailed() {
  for (Process* const process : cluster_->processes()) {
    // Nobody knows what a sync that failed has left.
    if (process->up() && process->has_failed()) Kill(process, true);
  }
}

void Chaos::End() {
  over_ = true;
  cluster_->store().files().Recover();
}

}  // namespace cairn::simulator
