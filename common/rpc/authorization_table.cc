#include "common/rpc/authorization_table.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

std::string FullName(const google::protobuf::ServiceDescriptor& service,
                     std::string_view method) {
  return absl::StrCat(service.full_name(), "/", method);
}

}  // namespace

absl::Status AuthorizationTable::Add(std::span<const AuthorizationRow> rows) {
  for (const AuthorizationRow& row : rows) {
    const size_t slash = row.method.find('/');
    if (slash == 0 || slash == std::string::npos ||
        slash + 1 == row.method.size() ||
        row.method.find('/', slash + 1) != std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("authorization row \"", row.method,
                       "\" must have the form package.Service/Method"));
    }
    if (!rows_.emplace(row.method, row).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("method ", row.method, " has two authorization rows"));
    }
  }
  return absl::OkStatus();
}

const AuthorizationRow* AuthorizationTable::Find(
    std::string_view method) const {
  if (method.starts_with('/')) method.remove_prefix(1);
  const auto found = rows_.find(method);
  return found == rows_.end() ? nullptr : &found->second;
}

std::vector<std::string> AuthorizationTable::MissingRows(
    const google::protobuf::ServiceDescriptor& service) const {
  std::vector<std::string> missing;
  for (int i = 0; i < service.method_count(); ++i) {
    std::string name = FullName(service, service.method(i)->name());
    if (!rows_.contains(name)) missing.push_back(std::move(name));
  }
  return missing;
}

absl::Status AuthorizationTable::CheckScopeRules(
    const google::protobuf::ServiceDescriptor& service) const {
  for (int i = 0; i < service.method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *service.method(i);
    const AuthorizationRow* row = Find(FullName(service, method.name()));
    if (row == nullptr) continue;
    RETURN_IF_ERROR(
        WithContext(CheckPaths(row->scope, *method.input_type()), row->method));
  }
  return absl::OkStatus();
}

std::vector<std::string> AuthorizationTable::StrayRows(
    const google::protobuf::ServiceDescriptor& service) const {
  std::vector<std::string> stray;
  const std::string prefix = absl::StrCat(service.full_name(), "/");
  for (const auto& [name, row] : rows_) {
    if (!name.starts_with(prefix)) continue;
    if (service.FindMethodByName(name.substr(prefix.size())) == nullptr) {
      stray.push_back(name);
    }
  }
  std::sort(stray.begin(), stray.end());
  return stray;
}

}  // namespace cairn
