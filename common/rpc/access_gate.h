#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/rpc/auth_failures.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/caller_resolver.h"
#include "common/rpc/token_directory.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace grpc {
class CallbackServerContext;
}  // namespace grpc

namespace cairn {

// The one place where it is decided, before any handler, who makes a call and
// whether he may: by the connection or by a bearer token, by the method's row
// in the authorization table, and by the caller's scope. What is refused is
// counted and logged. Holds no thread while a token is looked up.
// Thread-safe; outlives the calls.
class AccessGate {
 public:
  struct Options {
    // Tokens that are looked up at one time; callers beyond it are told to
    // come back after `retry_delay`. They cost memory and no thread.
    int max_token_lookups = 256;
    // A directory that does not answer for so long is not waited for.
    absl::Duration token_timeout = absl::Seconds(10);
    absl::Duration retry_delay = absl::Seconds(1);
  };
  // All outlive the gate.
  struct Dependencies {
    const CallerResolver* callers = nullptr;
    const AuthorizationTable* authorization = nullptr;
    AuthFailures* failures = nullptr;
    Executor* timers = nullptr;
  };
  // What is known of a call before its caller is.
  struct Knock {
    const grpc::CallbackServerContext* context = nullptr;
    std::string_view method;  // "package.Service/Method", or empty
  };
  using Found = absl::AnyInvocable<void(absl::StatusOr<Caller>)>;

  AccessGate(const Options& options, const Dependencies& dependencies);

  // Before the first call; the first directory stays.
  void SetTokenDirectory(TokenDirectory* directory) {
    if (tokens_ == nullptr) tokens_ = directory;
  }

  // The row of the method. PermissionDenied: it has none.
  absl::StatusOr<const AuthorizationRow*> FindRow(const Knock& knock);

  // Hands the caller to `found`, once: before the return, or later on another
  // thread where a directory has to be asked. A token takes the place of who
  // the connection says, nothing of whom is added to it.
  // Unauthenticated: there is no caller. Unavailable: his token cannot be
  // looked up now. ResourceExhausted: too many are. Cancelled: by `token`.
  // What `knock` refers to stays until `found` was called.
  void FindCaller(const Knock& knock, const CancellationToken& token,
                  Found found);

  // PermissionDenied: the caller's role may not call the method.
  absl::Status CheckRole(const Knock& knock, const AuthorizationRow& row,
                         const Caller& caller);

  // PermissionDenied (OUT_OF_SCOPE): by what `request` says, or cannot say
  // since it is null.
  absl::Status CheckRequest(const Knock& knock, const AuthorizationRow& row,
                            const Caller& caller,
                            const google::protobuf::Message* request);

  // Counts what a handler refused: another owner's, or outside of the scope.
  void NoteHandled(const Knock& knock, const Caller& caller,
                   const absl::Status& status);

 private:
  class Lookup;

  absl::Status Refuse(const Knock& knock, const Caller& caller,
                      AuthFailure failure, absl::Status status);
  void LookUp(const Knock& knock, std::string_view shown,
              const CancellationToken& token, Found found);
  absl::StatusOr<Caller> Judge(const Knock& knock,
                               absl::StatusOr<Caller> answer);

  const Options options_;
  const Dependencies dependencies_;
  TokenDirectory* tokens_ = nullptr;
  // Shared with answers that come after their call has ended.
  const std::shared_ptr<std::atomic<int>> lookups_;
};

}  // namespace cairn
