#include "tests/simulator/reader.h"

#include <iterator>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn::simulator {
namespace {

// In a task of `ingest`.
absl::Status ReadArchive(IngestProcess& ingest, const Call& call,
                         const ArchiveName& name, const Word& word, bool slowly,
                         absl::Duration* opened_at) {
  Scheduler& scheduler = ingest.scheduler();
  ASSIGN_OR_RETURN(const ingest::OpenedArchive opened,
                   ingest.engine().restore().Open(call, name, 0, 0));
  *opened_at = scheduler.now();
  const std::string expected = BytesOf(word);
  uint64_t offset = 0;
  for (;;) {
    if (slowly) {
      scheduler.Sleep(scheduler.Chance(0.3) ? absl::Seconds(scheduler.Draw(200))
                                            : scheduler.DrawDelay());
    }
    ASSIGN_OR_RETURN(const std::optional<ingest::ReadPiece> piece,
                     opened.reader->Next());
    if (!piece.has_value()) break;
    const std::string bytes = piece->is_hole ? std::string(piece->length, '\0')
                                             : std::string(piece->bytes);
    if (piece->offset != offset ||
        expected.compare(offset, bytes.size(), bytes) != 0) {
      return absl::OutOfRangeError(
          absl::StrCat("D4: wrong bytes at ", piece->offset));
    }
    offset += bytes.size();
  }
  if (offset == expected.size()) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("D4: ends at ", offset, " of ", expected.size()));
}

}  // namespace

void Reader::Run(const bool* stop) {
  while (!*stop) {
    scheduler_->Sleep(absl::Seconds(1 + scheduler_->Draw(60)));
    std::map<Uuid, Ledger::Backup>& backups = cluster_->ledger().backups();
    if (backups.empty()) continue;
    auto chosen = backups.begin();
    std::advance(chosen, scheduler_->Draw(backups.size()));
    if (!chosen->second.acknowledged) continue;
    ReadAll(chosen->second, /*slowly=*/true).IgnoreError();
  }
}

absl::Status Reader::ReadAll(const Ledger::Backup& backup, bool slowly) {
  for (const auto& [name, word] : backup.content.archives) {
    RETURN_IF_ERROR(Read(backup, name, slowly));
  }
  ++restored_;
  return absl::OkStatus();
}

absl::Status Reader::Read(const Ledger::Backup& backup,
                          const std::string& archive, bool slowly) {
  IngestProcess* const ingest = &cluster_->any_ingest();
  // Shared with a request that is still on its way.
  const auto opened_at =
      std::make_shared<absl::Duration>(-absl::InfiniteDuration());
  const absl::Status status = cluster_->network().Ask<absl::Status>(
      &cluster_->client(), ingest, "Restore", cluster_->admin(),
      [ingest, name = ArchiveName{backup.name, archive},
       word = backup.content.archives.at(archive), slowly,
       opened_at](const Call& own) {
        return ReadArchive(*ingest, own, name, word, slowly, opened_at.get());
      },
      /*may_repeat=*/false);
  CheckFailure(backup, *opened_at, status);
  return status;
}

void Reader::CheckFailure(const Ledger::Backup& backup,
                          absl::Duration opened_at,
                          const absl::Status& status) {
  const std::string what =
      absl::StrCat(backup.name.ToString(), ": ", status.ToString());
  if (absl::IsOutOfRange(status) || absl::IsInternal(status)) {
    return cluster_->verdict().Fail(what);
  }
  if (!absl::IsNotFound(status) && !absl::IsDataLoss(status)) return;
  if (cluster_->ledger().MustExist(backup)) {
    cluster_->verdict().Fail(absl::StrCat("D1: ", what));
  }
  // A lease since before the first byte: the reader's own, or as good as it.
  if (cluster_->leases().HeldSince(backup.name.ToString()) <= opened_at) {
    cluster_->verdict().Fail(absl::StrCat("S2: ", what));
  }
}

}  // namespace cairn::simulator
