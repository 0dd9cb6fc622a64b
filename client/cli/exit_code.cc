#include "client/cli/exit_code.h"

#include <optional>
#include <string_view>

#include "client/cli/change_unknown.h"
#include "client/maintenance/task_reasons.h"
#include "client/posix/local_error.h"
#include "client/transfer/publish_unknown.h"
#include "common/status/reason.h"
#include "common/token/token_reasons.h"

namespace cairn::client {
namespace {

struct ReasonRow {
  std::string_view reason;
  ExitCode exit_code;
  std::string_view next;
};

// Reasons that say more than their status code.
constexpr ReasonRow kReasons[] = {
    {reason::kLeaseHeld, kExitBusy,
     "another run holds it; see `cairn lease list`, wait for it, try again"},
    {reason::kLeaseExpired, kExitBusy, "run the command again"},
    {reason::kArchiveOpen, kExitBusy, "wait a minute and try again"},
    {reason::kSessionFenced, kExitBusy,
     "run the backup again; what was sent is reused if it is still there"},
    {reason::kBaseGone, kExitRefused,
     "run the backup again, with the group's newest snapshot as --base if it "
     "named one"},
    {reason::kDraining, kExitUnreachable,
     "the server is stopping; try again when it is back"},
    {reason::kStorageFull, kExitError,
     "free space at the server: forget snapshots and run its garbage "
     "collection, or add storage"},
    {reason::kRecordMissing, kExitDamaged,
     "other archives and ranges stay readable; the next backup of the same "
     "data heals the chunk"},
    {reason::kRecordDamaged, kExitDamaged,
     "other archives and ranges stay readable; the next backup of the same "
     "data heals the chunk"},
    {reason::kSnapshotNotNewer, kExitRefused,
     "give a --backup-time after the newest snapshot of the group, or none"},
    {reason::kSnapshotProtected, kExitRefused,
     "remove the protection with `cairn snapshot unprotect`"},
    {reason::kSnapshotGone, kExitNotFound,
     "its time in trash is over; `cairn snapshot list --trash` shows what can "
     "be taken back"},
    {reason::kReuseRefused, kExitRefused,
     "back up whole: the same command without --base and --changed-ranges"},
    {reason::kNotEmpty, kExitRefused,
     "remove what is in it first; `cairn group list` and `cairn namespace "
     "list` show it"},
    {reason::kNotOwner, kExitNotAllowed,
     "use the credentials of the group's owner; `cairn group list` names it"},
    {reason::kTaskRunning, kExitBusy,
     "wait for it (`cairn task watch`), or cancel it, then try again"},
    {reason::kSweepLost, kExitBusy, "run the command again"},
    {reason::kTaskUnknown, kExitNotFound, "`cairn task list` shows the tasks"},
    {reason::kJobUnknown, kExitNotFound, "`cairn job list` shows the jobs"},
    {reason::kTaskState, kExitRefused,
     "`cairn task show` tells the state that it is in"},
    {reason::kPlanChanged, kExitRefused,
     "look at the new plan with --dry-run, and give its hash to --plan"},
    {reason::kClockJumped, kExitRefused,
     "set the server's clock, or say with --confirm-clock that it is right"},
    {reason::kEmptyView, kExitRefused,
     "if all that is stored is to be dropped, say so with --allow-empty"},
    {reason::kIndexBehind, kExitRefused,
     "put the newest copy of index back, or run `cairn-index rebuild`"},
    {reason::kRequestIdReused, kExitUsage,
     "give another --request-id, or none; `cairn task show` tells what the "
     "task of this one does"},
    {reason::kTokenExists, kExitRefused,
     "`cairn token list` shows it; revoke it with `cairn token revoke`, or "
     "choose another name"},
    {reason::kTokenUnknown, kExitNotFound,
     "`cairn token list` shows the tokens"},
    {kNoMaintenance, kExitUsage,
     "name where maintenance is with --maintenance-server (or "
     "CAIRN_MAINTENANCE_SERVER, or maintenance_server of the profile), such as "
     "127.0.0.1:9443"},
    {kTaskFailed, kExitTaskFailed,
     "`cairn task log` of this task tells more; mend what it names, then run "
     "the command again, with another --request-id if it had one"},
    {kTaskCancelled, kExitTaskCancelled,
     "run the command again, with another --request-id if it had one"},
    {kTaskInterrupted, kExitTaskInterrupted,
     "what it did is done, and nothing is half done; run the command again, "
     "with another --request-id if it had one"},
    {kTaskGoesOn, kExitInterrupted,
     "`cairn task watch` follows it, `cairn task cancel` stops it"},
    {kPublishUnknown, kExitInterrupted,
     "see with `cairn snapshot list` whether the snapshot is there; if not, "
     "run the backup again"},
    {kChangeUnknown, kExitInterrupted,
     "run the command again: it does the rest; `cairn snapshot list`, and the "
     "same with --trash, show how far it is"},
    {kLocalIo, kExitLocalIo,
     "check that the path exists on this machine, its permissions and the "
     "free space"},
};

const ReasonRow* FindRow(const absl::Status& status) {
  const std::optional<Reason> reason = ReasonOf(status);
  if (!reason.has_value()) return nullptr;
  for (const ReasonRow& row : kReasons) {
    if (row.reason == reason->code) return &row;
  }
  return nullptr;
}

}  // namespace

bool HasKnownReason(const absl::Status& status) {
  return FindRow(status) != nullptr;
}

ExitCode ExitCodeOf(const absl::Status& status) {
  if (const ReasonRow* row = FindRow(status)) return row->exit_code;
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
      return kExitBusy;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return kExitNotAllowed;
    case absl::StatusCode::kDataLoss:
      return kExitDamaged;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAlreadyExists:
      return kExitRefused;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnreachable;
    case absl::StatusCode::kCancelled:
      return kExitInterrupted;
    default:
      return kExitError;
  }
}

std::string NextStep(const absl::Status& status) {
  if (const ReasonRow* row = FindRow(status)) return std::string(row->next);
  switch (ExitCodeOf(status)) {
    case kExitUsage:
      return "see `cairn COMMAND --help` for what is allowed";
    case kExitNotFound:
      return "`cairn snapshot list`, `cairn group list` and `cairn datastore "
             "list` show what there is";
    case kExitBusy:
      return "wait a minute and try again";
    case kExitNotAllowed:
      return "check the credentials (--token-file, --tls-cert and --tls-key, "
             "the user of the unix socket) and what they may do";
    case kExitDamaged:
      return "restore another snapshot, and have the datastore verified";
    case kExitRefused:
      return "change what the message names, then run the command again";
    case kExitUnreachable:
      return "check that the server runs, and --server (or CAIRN_SERVER, or "
             "the profile); `cairn status` tells when it is back";
    case kExitInterrupted:
      return "run the command again; `cairn snapshot list` shows what there "
             "is: an interrupted backup leaves no part of a snapshot";
    default:
      return "see the server's log for the cause";
  }
}

std::string ExitCodeTable() {
  return "Exit codes:\n"
         "  0    success\n"
         "  1    error\n"
         "  2    wrong usage\n"
         "  3    finished, but not all of it: some files could not be read or\n"
         "       written, or some snapshots not forgotten\n"
         "  10   not found\n"
         "  11   busy: another run holds it, another task of the kind runs, "
         "or\n"
         "       the server is at its limit\n"
         "  12   not allowed\n"
         "  13   data is damaged: found by a read, or by `cairn verify`\n"
         "  14   refused: it exists, is protected, in the wrong state, or kept "
         "by\n"
         "       a guard of prune; or the plan is another one by now\n"
         "  15   the task failed\n"
         "  16   the task was cancelled\n"
         "  17   the task was interrupted by a restart of the server: run it "
         "again\n"
         "  74   input or output error on this machine\n"
         "  75   server not reachable\n"
         "  130  interrupted\n";
}

}  // namespace cairn::client
