#include "common/model/resource_scope.h"

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"

namespace cairn {
namespace {

// Of a name in an error text, which may be megabytes long.
constexpr size_t kMaxShownBytes = 300;

}  // namespace

bool IsInScope(std::string_view scope, std::string_view name) {
  if (scope.empty()) return true;
  if (!name.starts_with(scope)) return false;
  return name.size() == scope.size() || name[scope.size()] == '/';
}

absl::Status CheckInScope(std::string_view scope, std::string_view name) {
  if (IsInScope(scope, name)) return absl::OkStatus();
  return OutOfScope(
      absl::StrCat("resource \"", name.substr(0, kMaxShownBytes), "\""), scope);
}

absl::Status OutOfScope(std::string_view what, std::string_view scope) {
  return WithReason(absl::PermissionDeniedError(absl::StrCat(
                        what, " is outside of the caller's scope ", scope)),
                    reason::kOutOfScope);
}

std::string_view DatastoreOf(std::string_view name) {
  constexpr std::string_view kCollection = "datastores/";
  if (!name.starts_with(kCollection)) return {};
  const size_t end = name.find('/', kCollection.size());
  const std::string_view datastore = name.substr(0, end);
  return datastore.size() == kCollection.size() ? std::string_view()
                                                : datastore;
}

}  // namespace cairn
