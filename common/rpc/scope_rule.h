#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace google::protobuf {
class Descriptor;
class Message;
}  // namespace google::protobuf

namespace cairn {

// Where a request says which resources it is about, for callers that have a
// scope (Caller::scope); all others may name any. Fields are given by their
// path from the request, "job.options.gc.datastore"; they are strings, or
// repeated strings at the end of a path.
struct ScopeRule {
  enum class Kind : uint8_t {
    kRefused,   // it cannot be told: nothing for callers with a scope
    kAnything,  // it names nothing, or the handler shows what is in the scope
    kNamed,     // `within` and `in_datastore` tell
  };
  Kind kind = Kind::kRefused;
  // Each value lies in the scope, and there is at least one; "" does not.
  std::vector<std::string> within = {};
  // Names of sessions, tasks and jobs, or the datastore of a list of them:
  // they say nothing of a namespace. Each value, and there is at least one,
  // is of the scope's datastore; the handler judges by what it finds there.
  std::vector<std::string> in_datastore = {};

  // For the table that people read: "name, options.gc.datastore".
  std::string ToString() const;
};

ScopeRule Within(std::vector<std::string> paths);
ScopeRule InDatastore(std::vector<std::string> paths,
                      std::vector<std::string> within = {});
ScopeRule Anything();

// InvalidArgument: a path names no string field of `request`.
absl::Status CheckPaths(const ScopeRule& rule,
                        const google::protobuf::Descriptor& request);

// PermissionDenied (OUT_OF_SCOPE) if a caller with this scope may not make
// the call. `request`: null where there is none to look at.
absl::Status CheckScope(const ScopeRule& rule, std::string_view scope,
                        const google::protobuf::Message* request);

}  // namespace cairn
