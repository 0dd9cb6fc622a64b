#include "common/rpc/scope_rule.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <span>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/model/resource_scope.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

std::pair<std::string_view, std::string_view> SplitPath(std::string_view path) {
  const size_t dot = path.find('.');
  if (dot == std::string_view::npos) return {path, {}};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

const FieldDescriptor* FindField(const Descriptor& message,
                                 std::string_view name) {
  return message.FindFieldByName(std::string(name));
}

absl::Status CheckPath(const std::string& path, const Descriptor& request) {
  const Descriptor* message = &request;
  std::string_view rest = path;
  while (true) {
    const auto [name, more] = SplitPath(rest);
    const FieldDescriptor* field = FindField(*message, name);
    const bool last = more.empty();
    if (field == nullptr ||
        field->cpp_type() != (last ? FieldDescriptor::CPPTYPE_STRING
                                   : FieldDescriptor::CPPTYPE_MESSAGE) ||
        (!last && field->is_repeated())) {
      return absl::InvalidArgumentError(
          absl::StrCat("scope rule: \"", path, "\" is no path to strings in ",
                       request.full_name()));
    }
    if (last) return absl::OkStatus();
    message = field->message_type();
    rest = more;
  }
}

// Hands each value at `path` to `visit`, until one is refused. None where a
// message on the way is not set.
absl::Status Visit(const Message& message, std::string_view path,
                   absl::FunctionRef<absl::Status(const std::string&)> visit) {
  const auto [name, more] = SplitPath(path);
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  const FieldDescriptor* field = FindField(*message.GetDescriptor(), name);
  if (field == nullptr) return OutOfScope(path, "");
  if (!more.empty()) {
    if (!reflection.HasField(message, field)) return absl::OkStatus();
    return Visit(reflection.GetMessage(message, field), more, visit);
  }
  std::string scratch;
  if (!field->is_repeated()) {
    return visit(reflection.GetStringReference(message, field, &scratch));
  }
  for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
    RETURN_IF_ERROR(visit(
        reflection.GetRepeatedStringReference(message, field, i, &scratch)));
  }
  return absl::OkStatus();
}

// Each value at `paths` lies in `scope`, and there is one, if there are paths.
absl::Status CheckValues(std::span<const std::string> paths,
                         std::string_view scope, const Message& request) {
  if (paths.empty()) return absl::OkStatus();
  bool found = false;
  for (const std::string& path : paths) {
    RETURN_IF_ERROR(Visit(request, path, [&](const std::string& value) {
      found = true;
      return CheckInScope(scope, value);
    }));
  }
  if (found) return absl::OkStatus();
  return OutOfScope("a request that names no resource", scope);
}

}  // namespace

std::string ScopeRule::ToString() const {
  switch (kind) {
    case Kind::kRefused:
      return "refused";
    case Kind::kAnything:
      return "anything";
    case Kind::kNamed:
      break;
  }
  std::vector<std::string> parts = within;
  for (const std::string& path : in_datastore) {
    parts.push_back(absl::StrCat(path, " (its datastore)"));
  }
  return absl::StrJoin(parts, ", ");
}

ScopeRule Within(std::vector<std::string> paths) {
  return {.kind = ScopeRule::Kind::kNamed, .within = std::move(paths)};
}

ScopeRule InDatastore(std::vector<std::string> paths,
                      std::vector<std::string> within) {
  return {.kind = ScopeRule::Kind::kNamed,
          .within = std::move(within),
          .in_datastore = std::move(paths)};
}

ScopeRule Anything() { return {.kind = ScopeRule::Kind::kAnything}; }

absl::Status CheckPaths(const ScopeRule& rule, const Descriptor& request) {
  if (rule.kind == ScopeRule::Kind::kNamed && rule.within.empty() &&
      rule.in_datastore.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("scope rule: no paths for ", request.full_name()));
  }
  for (const std::string& path : rule.within) {
    RETURN_IF_ERROR(CheckPath(path, request));
  }
  for (const std::string& path : rule.in_datastore) {
    RETURN_IF_ERROR(CheckPath(path, request));
  }
  return absl::OkStatus();
}

absl::Status CheckScope(const ScopeRule& rule, std::string_view scope,
                        const Message* request) {
  if (scope.empty() || rule.kind == ScopeRule::Kind::kAnything) {
    return absl::OkStatus();
  }
  const std::string_view datastore = DatastoreOf(scope);
  if (rule.kind != ScopeRule::Kind::kNamed || request == nullptr ||
      datastore.empty()) {
    return OutOfScope("the method, whatever the resource,", scope);
  }
  RETURN_IF_ERROR(CheckValues(rule.within, scope, *request));
  return CheckValues(rule.in_datastore, datastore, *request);
}

}  // namespace cairn
