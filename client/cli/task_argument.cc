#include "client/cli/task_argument.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/command.h"
#include "client/cli/render/task.h"
#include "common/model/names.h"
#include "common/model/uuid.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr std::string_view kWholeName = "datastores/";
constexpr size_t kMaxJobId = 64;
constexpr size_t kMaxMatchesShown = 5;

// The last part of "datastores/{d}/{collection}/{last}"; empty if `text` is
// not of that form.
std::string_view PartOf(std::string_view text, std::string_view collection) {
  const std::vector<std::string_view> parts = absl::StrSplit(text, '/');
  if (parts.size() != 4 || parts[0] != "datastores" || parts[2] != collection ||
      !ValidateDatastoreId(parts[1]).ok()) {
    return "";
  }
  return parts[3];
}

bool IsPrefixOfUuid(std::string_view text) {
  return text.size() >= kMinTaskPrefix && text.size() <= 36 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c)) ||
                  c == '-';
         });
}

absl::Status RefuseTask(std::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat(
      "task \"", text, "\" is not a UUID, the first ", kMinTaskPrefix,
      " or more characters of one, or datastores/D/tasks/UUID"));
}

absl::StatusOr<std::string> FindByPrefix(const std::string& prefix,
                                         const std::string& datastore,
                                         MaintenanceRemote& remote) {
  maintenance::v1::ListTasksRequest request;
  request.set_datastore("datastores/" + datastore);
  request.set_page_size(kPageSize);
  std::vector<std::string> found;
  RETURN_IF_ERROR(ForEachPage(
      [&](const std::string& token) {
        request.set_page_token(token);
        return remote.ListTasks(request);
      },
      [&](const maintenance::v1::ListTasksResponse& page) {
        for (const maintenance::v1::Task& task : page.tasks()) {
          if (absl::StartsWith(LastPart(task.name()), prefix) &&
              found.size() <= kMaxMatchesShown) {
            found.push_back(task.name());
          }
        }
      }));
  if (found.empty()) {
    return WithReason(
        absl::NotFoundError(absl::StrCat("no task of ", request.datastore(),
                                         " begins with ", prefix)),
        reason::kTaskUnknown);
  }
  if (found.size() == 1) return found[0];
  const bool more = found.size() > kMaxMatchesShown;
  if (more) found.pop_back();
  return absl::InvalidArgumentError(
      absl::StrCat("several tasks begin with ", prefix, ": ",
                   absl::StrJoin(found, ", ",
                                 [](std::string* out, const std::string& name) {
                                   out->append(LastPart(name));
                                 }),
                   more ? ", ..." : "", "; give more of it"));
}

}  // namespace

absl::StatusOr<std::string> ParseJobArgument(std::string_view text,
                                             const std::string& datastore) {
  std::string_view id = text;
  if (absl::StartsWith(text, kWholeName)) {
    id = PartOf(text, "jobs");
    if (id.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "job \"", text, "\" is not an id, or datastores/D/jobs/ID"));
    }
  }
  RETURN_IF_ERROR(ValidateComponent("job", id, kMaxJobId));
  if (id.size() < text.size()) return std::string(text);
  return absl::StrCat("datastores/", datastore, "/jobs/", id);
}

absl::StatusOr<std::string> ResolveTask(std::string_view text,
                                        const std::string& datastore,
                                        MaintenanceRemote& remote) {
  if (absl::StartsWith(text, kWholeName)) {
    if (!Uuid::Parse(PartOf(text, "tasks")).ok()) return RefuseTask(text);
    return std::string(text);
  }
  if (!IsPrefixOfUuid(text)) return RefuseTask(text);
  const std::string lower = absl::AsciiStrToLower(text);
  if (Uuid::Parse(lower).ok()) {
    return absl::StrCat("datastores/", datastore, "/tasks/", lower);
  }
  return FindByPrefix(lower, datastore, remote);
}

}  // namespace cairn::client
