#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

// Stable reasons: what a program acts on, where the status code alone does
// not say enough. They cross the wire as google.rpc.ErrorInfo (domain
// "cairn") and are documented in proto/cairn/model/v1/error.proto.
namespace cairn {

struct Reason {
  std::string code;  // UPPER_SNAKE_CASE, 1..63 characters
  // At most 16 entries, keys of 64 and values of 1024 bytes; what is above
  // is cut off when the reason is attached.
  std::map<std::string, std::string> metadata;
};

// `status` with the reason attached, in the place of one it had. OK stays
// OK, and a `code` that is not of the form above attaches nothing.
absl::Status WithReason(absl::Status status, std::string_view code,
                        std::map<std::string, std::string> metadata = {});

// The reason attached to `status`, if any.
std::optional<Reason> ReasonOf(const absl::Status& status);

// True if `status` carries the reason `code`.
bool HasReason(const absl::Status& status, std::string_view code);

// `status` with "`context`: " before its text; code and reason are kept.
absl::Status WithContext(const absl::Status& status, std::string_view context);

// The reasons in use, one constant each.
namespace reason {
inline constexpr char kSessionFenced[] = "SESSION_FENCED";
inline constexpr char kSessionEnded[] = "SESSION_ENDED";
inline constexpr char kSessionNotFound[] = "SESSION_NOT_FOUND";
inline constexpr char kLeaseHeld[] = "LEASE_HELD";
inline constexpr char kLeaseExpired[] = "LEASE_EXPIRED";
inline constexpr char kGenerationMismatch[] = "GENERATION_MISMATCH";
inline constexpr char kDatastoreUnknown[] = "DATASTORE_UNKNOWN";
inline constexpr char kIncarnationChanged[] = "INCARNATION_CHANGED";
inline constexpr char kStaleToken[] = "STALE_TOKEN";
inline constexpr char kStorageFull[] = "STORAGE_FULL";
inline constexpr char kRecordMissing[] = "RECORD_MISSING";
inline constexpr char kRecordDamaged[] = "RECORD_DAMAGED";
inline constexpr char kOffsetMismatch[] = "OFFSET_MISMATCH";
inline constexpr char kArchiveExists[] = "ARCHIVE_EXISTS";
inline constexpr char kArchiveOpen[] = "ARCHIVE_OPEN";
inline constexpr char kSnapshotNotNewer[] = "SNAPSHOT_NOT_NEWER";
inline constexpr char kSnapshotProtected[] = "SNAPSHOT_PROTECTED";
inline constexpr char kNotOwner[] = "NOT_OWNER";
inline constexpr char kPageTokenInvalid[] = "PAGE_TOKEN_INVALID";
inline constexpr char kOutOfScope[] = "OUT_OF_SCOPE";
inline constexpr char kLimitExceeded[] = "LIMIT_EXCEEDED";
inline constexpr char kDraining[] = "DRAINING";
inline constexpr char kNotEmpty[] = "NOT_EMPTY";
inline constexpr char kChunkMismatch[] = "CHUNK_MISMATCH";
inline constexpr char kReuseRefused[] = "REUSE_REFUSED";
inline constexpr char kIndexBehind[] = "INDEX_BEHIND";
inline constexpr char kBaseGone[] = "BASE_GONE";
inline constexpr char kSnapshotGone[] = "SNAPSHOT_GONE";
inline constexpr char kSweepLost[] = "SWEEP_LOST";
inline constexpr char kEmptyView[] = "EMPTY_VIEW";
inline constexpr char kPlanChanged[] = "PLAN_CHANGED";
inline constexpr char kClockJumped[] = "CLOCK_JUMPED";
inline constexpr char kRequestIdReused[] = "REQUEST_ID_REUSED";
inline constexpr char kTaskUnknown[] = "TASK_UNKNOWN";
inline constexpr char kJobUnknown[] = "JOB_UNKNOWN";
inline constexpr char kTaskRunning[] = "TASK_RUNNING";
inline constexpr char kTaskState[] = "TASK_STATE";
}  // namespace reason

}  // namespace cairn
