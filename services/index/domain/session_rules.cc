#include "services/index/domain/session_rules.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/record.h"
#include "common/page/page.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::index {
namespace {

constexpr size_t kMaxChunkerNameBytes = 32;

absl::Status Inconsistent(const ArchiveCheckpoint& checkpoint,
                          std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("checkpoint of archive ", checkpoint.name, ": ", what));
}

// Bounds, not whether this release knows the chunker: ingest cuts.
bool IsPlausible(const ChunkerSpec& spec) {
  return !spec.name.empty() && spec.name.size() <= kMaxChunkerNameBytes &&
         spec.min_bytes > 0 && spec.min_bytes <= spec.average_bytes &&
         spec.average_bytes <= spec.max_bytes &&
         spec.max_bytes <= kMaxRecordPlainBytes;
}

absl::Status CheckItself(const ArchiveCheckpoint& next) {
  RETURN_IF_ERROR(ValidateArchiveId(next.name));
  if (!IsPlausible(next.chunker)) {
    return Inconsistent(next, "the chunker has no name or impossible sizes");
  }
  if (next.durable_bytes > kMaxArchiveBytes) {
    return Inconsistent(
        next, absl::StrCat("durable_bytes is ", next.durable_bytes,
                           ", allowed is at most ", kMaxArchiveBytes));
  }
  if (next.builder_state.size() > kMaxBuilderStateBytes) {
    return Inconsistent(
        next, absl::StrCat("builder_state is ", next.builder_state.size(),
                           " bytes long, allowed are at most ",
                           kMaxBuilderStateBytes));
  }
  if (!next.complete()) return absl::OkStatus();
  if (!next.builder_state.empty()) {
    return Inconsistent(next, "a complete archive has no builder_state");
  }
  if (next.root->size_bytes != next.durable_bytes) {
    return Inconsistent(next,
                        absl::StrCat("complete with ", next.root->size_bytes,
                                     " bytes, of which ", next.durable_bytes,
                                     " are durable; all must be"));
  }
  return absl::OkStatus();
}

// The same state of the archive. Bytes stored anew depend on who stored them
// first, so they do not count.
bool IsSame(const ArchiveCheckpoint& a, const ArchiveCheckpoint& b) {
  return a.kind == b.kind && a.chunker == b.chunker &&
         a.durable_bytes == b.durable_bytes &&
         a.builder_state == b.builder_state && a.root == b.root;
}

// A stream that was cut off may still have a checkpoint on its way when the
// next stream starts; whichever comes second would undo what the other told.
absl::Status CheckFollows(const ArchiveCheckpoint& next, uint64_t revision,
                          uint64_t durable_bytes) {
  if (next.revision == revision + 1) return absl::OkStatus();
  return WithReason(
      absl::OutOfRangeError(absl::StrCat(
          "checkpoint of archive ", next.name, ": revision is ", next.revision,
          ", must be ", revision + 1,
          ": another stream has saved the archive; resume it from ",
          durable_bytes)),
      reason::kOffsetMismatch, {{"expected", absl::StrCat(durable_bytes)}});
}

}  // namespace

SessionState DeriveState(const SessionRow& row, uint64_t fence) {
  if (row.state == SessionState::kOpen && row.epoch < fence) {
    return SessionState::kFenced;
  }
  return row.state;
}

absl::Status SessionEnded(const SessionName& name, SessionState state) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          name.ToString(), " is ",
          state == SessionState::kPublished ? "published" : "aborted")),
      reason::kSessionEnded);
}

absl::Status CheckNotFenced(const SessionName& name, uint64_t epoch,
                            uint64_t fence) {
  if (epoch >= fence) return absl::OkStatus();
  return WithReason(
      absl::AbortedError(absl::StrCat(
          name.ToString(), " has epoch ", epoch, ", the fence is ", fence,
          ": a sweep has overtaken it; start a new session")),
      reason::kSessionFenced);
}

absl::Status CheckSessionOpen(const SessionName& name, const SessionRow& row,
                              const SessionRef& ref, uint64_t fence) {
  if (row.epoch != ref.epoch) {
    return absl::InvalidArgumentError(
        absl::StrCat(name.ToString(), " has epoch ", row.epoch,
                     ", the call says ", ref.epoch));
  }
  if (row.state != SessionState::kOpen) return SessionEnded(name, row.state);
  return CheckNotFenced(name, row.epoch, fence);
}

absl::Status CheckCheckpoint(const std::optional<ArchiveCheckpoint>& previous,
                             const ArchiveCheckpoint& next) {
  RETURN_IF_ERROR(CheckItself(next));
  if (!previous.has_value()) return CheckFollows(next, 0, 0);
  if (IsSame(*previous, next) &&
      (previous->complete() || previous->revision == next.revision)) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(
      CheckFollows(next, previous->revision, previous->durable_bytes));
  if (previous->complete()) {
    return Inconsistent(next, "the archive is complete and never changes");
  }
  if (previous->kind != next.kind || previous->chunker != next.chunker) {
    return Inconsistent(next, "kind and chunker never change");
  }
  if (next.durable_bytes < previous->durable_bytes) {
    return Inconsistent(
        next, absl::StrCat("durable_bytes is ", next.durable_bytes, " and was ",
                           previous->durable_bytes));
  }
  return absl::OkStatus();
}

absl::Status CheckPublishable(const std::vector<ArchiveCheckpoint>& checkpoints,
                              std::vector<ExpectedSize> expected) {
  if (expected.empty() || expected.size() > kMaxArchivesPerSnapshot) {
    return absl::InvalidArgumentError(
        absl::StrCat("archives has ", expected.size(), " items, allowed are ",
                     "1..", kMaxArchivesPerSnapshot));
  }
  std::sort(expected.begin(), expected.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  for (size_t i = 1; i < expected.size(); ++i) {
    if (expected[i - 1].name == expected[i].name) {
      return absl::InvalidArgumentError(
          absl::StrCat("archive ", expected[i].name, " is named twice"));
    }
  }
  for (size_t i = 0; i < expected.size() || i < checkpoints.size(); ++i) {
    if (i == checkpoints.size() ||
        (i < expected.size() && expected[i].name < checkpoints[i].name)) {
      return absl::FailedPreconditionError(absl::StrCat(
          "archive ", expected[i].name, " was never written in this session"));
    }
    const ArchiveCheckpoint& found = checkpoints[i];
    if (i == expected.size() || found.name < expected[i].name) {
      return absl::FailedPreconditionError(absl::StrCat(
          "archive ", found.name, " was written and is not named"));
    }
    if (!found.complete()) {
      return WithReason(absl::FailedPreconditionError(absl::StrCat(
                            "archive ", found.name, " is not complete: ",
                            found.durable_bytes, " bytes are durable")),
                        reason::kArchiveOpen);
    }
    if (found.root->size_bytes != expected[i].size_bytes) {
      return absl::FailedPreconditionError(
          absl::StrCat("archive ", found.name, " has ", found.root->size_bytes,
                       " bytes, the call says ", expected[i].size_bytes));
    }
  }
  return absl::OkStatus();
}

bool IsUncancelled(const SessionRow& row, uint64_t fence) {
  if (row.publish_sequence == 0 || row.cancel_sequence != 0) return false;
  const SessionState state = DeriveState(row, fence);
  return state == SessionState::kAborted || state == SessionState::kFenced;
}

bool MayPurge(const SessionRow& row, uint64_t fence, absl::Time now) {
  if (IsUncancelled(row, fence)) return false;
  if (row.state != SessionState::kOpen) {
    return row.end_time.value_or(row.open_time) + kEndedSessionTime <= now;
  }
  return row.epoch < fence && row.open_time + kEndedSessionTime <= now;
}

}  // namespace cairn::index
