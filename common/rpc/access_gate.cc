#include "common/rpc/access_gate.h"

#include <grpcpp/server_context.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/bearer_token.h"
#include "common/rpc/role_name.h"
#include "common/rpc/scope_rule.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"

namespace cairn {
namespace {

bool IsNobody(const Caller& caller) {
  return caller.kind == CallerKind::kNone || caller.role == CallerRole::kNone;
}

std::vector<std::string_view> AuthorizationValues(
    const grpc::CallbackServerContext& context) {
  std::vector<std::string_view> values;
  const auto [begin, end] =
      context.client_metadata().equal_range("authorization");
  for (auto entry = begin; entry != end; ++entry) {
    values.emplace_back(entry->second.data(), entry->second.size());
  }
  return values;
}

}  // namespace

// One question to the directory. The first of its answer, the end of the call
// and the end of patience settles it, and only that one touches the call.
class AccessGate::Lookup {
 public:
  Lookup(Executor* timers, Found next)
      : timers_(timers), next_(std::move(next)) {}

  void Settle(absl::StatusOr<Caller> result, bool by_timer) {
    {
      absl::MutexLock lock(&mutex_);
      if (std::exchange(settled_, true)) return;
    }
    // No timer is set any more. One that runs waits for nothing.
    if (has_timer_ && !by_timer) timers_->Cancel(timer_);
    std::exchange(next_, nullptr)(std::move(result));
  }

  static void Limit(const std::shared_ptr<Lookup>& lookup,
                    absl::Duration timeout) {
    absl::MutexLock lock(&lookup->mutex_);
    if (lookup->settled_) return;
    lookup->timer_ = lookup->timers_->ScheduleAfter(timeout, [lookup] {
      lookup->Settle(absl::UnavailableError("the directory of tokens is slow"),
                     /*by_timer=*/true);
    });
    lookup->has_timer_ = true;
  }

 private:
  Executor* const timers_;
  absl::Mutex mutex_;
  bool settled_ ABSL_GUARDED_BY(mutex_) = false;
  // Of who settles; written before, under the mutex.
  bool has_timer_ = false;
  Executor::TimerId timer_ = 0;
  Found next_;
};

AccessGate::AccessGate(const Options& options, const Dependencies& dependencies)
    : options_(options),
      dependencies_(dependencies),
      lookups_(std::make_shared<std::atomic<int>>(0)) {}

absl::Status AccessGate::Refuse(const Knock& knock, const Caller& caller,
                                AuthFailure failure, absl::Status status) {
  dependencies_.failures->Refused(failure, knock.context->peer(),
                                  caller.principal, knock.method,
                                  status.message());
  return status;
}

absl::StatusOr<const AuthorizationRow*> AccessGate::FindRow(
    const Knock& knock) {
  const AuthorizationRow* row = dependencies_.authorization->Find(knock.method);
  if (row != nullptr) return row;
  return Refuse(
      knock, Caller(), AuthFailure::kUnknownMethod,
      absl::PermissionDeniedError(absl::StrCat(
          "method ", knock.method, " has no row in the authorization table")));
}

void AccessGate::FindCaller(const Knock& knock, const CancellationToken& token,
                            Found found) {
  Connection connection = dependencies_.callers->Resolve(*knock.context);
  const Caller& caller = connection.caller;
  const std::vector<std::string_view> values =
      AuthorizationValues(*knock.context);
  const ShownToken shown = ReadBearerToken(values);
  const auto refuse = [&](AuthFailure failure, std::string_view why) {
    found(Refuse(knock, caller, failure, absl::UnauthenticatedError(why)));
  };
  if (shown.kind == ShownToken::Kind::kNone) {
    if (!IsNobody(caller)) return found(std::move(connection.caller));
    return refuse(AuthFailure::kNoCredentials,
                  absl::StrCat("caller at ", knock.context->peer(),
                               " is not known, allowed are the unix socket, "
                               "loopback, a client certificate with a role, "
                               "and a bearer token"));
  }
  if (!connection.carries_tokens) {
    return refuse(AuthFailure::kTokenNotAllowed,
                  "a bearer token is shown in plaintext, allowed are TLS, the "
                  "unix socket and loopback");
  }
  if (IsServiceRole(caller.role)) {
    return refuse(AuthFailure::kTokenNotAllowed,
                  absl::StrCat(caller.principal,
                               " shows a bearer token, services have none"));
  }
  if (shown.kind == ShownToken::Kind::kMalformed) {
    return refuse(AuthFailure::kBadToken,
                  "metadata authorization is not one \"Bearer TOKEN\"");
  }
  if (tokens_ == nullptr) {
    return refuse(AuthFailure::kTokenNotAllowed,
                  "this server takes no bearer tokens");
  }
  LookUp(knock, shown.token, token, std::move(found));
}

void AccessGate::LookUp(const Knock& knock, std::string_view shown,
                        const CancellationToken& token, Found found) {
  // Those who must wait for an answer do not keep out those who need not.
  if (std::optional<absl::StatusOr<Caller>> known = tokens_->FindNow(shown)) {
    return found(Judge(knock, *std::move(known)));
  }
  if (lookups_->fetch_add(1) >= options_.max_token_lookups) {
    lookups_->fetch_sub(1);
    return found(WithRetryDelay(
        Refuse(knock, Caller(), AuthFailure::kTokenUnavailable,
               WithReason(absl::ResourceExhaustedError(absl::StrCat(
                              options_.max_token_lookups,
                              " tokens are looked up, retry later")),
                          reason::kLimitExceeded)),
        options_.retry_delay));
  }
  const auto lookup = std::make_shared<Lookup>(
      dependencies_.timers, [this, knock, found = std::move(found)](
                                absl::StatusOr<Caller> answer) mutable {
        found(Judge(knock, std::move(answer)));
      });
  // From here on the call may end at any time, and everything but what the
  // lookup holds with it; not before this thread has left its handler,
  // though, so that the gate is there.
  token.AddCallback([lookup] {
    lookup->Settle(absl::CancelledError("call was cancelled"),
                   /*by_timer=*/false);
  });
  tokens_->Find(shown,
                [lookup, lookups = lookups_](absl::StatusOr<Caller> answer) {
                  lookups->fetch_sub(1);
                  // Of this call, Cancelled is said above alone.
                  if (absl::IsCancelled(answer.status())) {
                    answer = absl::UnavailableError(answer.status().message());
                  }
                  lookup->Settle(std::move(answer), /*by_timer=*/false);
                });
  Lookup::Limit(lookup, options_.token_timeout);
}

absl::StatusOr<Caller> AccessGate::Judge(const Knock& knock,
                                         absl::StatusOr<Caller> answer) {
  if (absl::IsCancelled(answer.status())) return answer;
  if (absl::IsUnauthenticated(answer.status())) {
    return Refuse(
        knock, Caller(), AuthFailure::kBadToken,
        absl::UnauthenticatedError(
            "the bearer token is not known, or it is expired or revoked"));
  }
  if (!answer.ok()) {
    return WithRetryDelay(
        Refuse(knock, Caller(), AuthFailure::kTokenUnavailable,
               absl::UnavailableError(
                   absl::StrCat("the bearer token cannot be looked up now: ",
                                answer.status().message()))),
        options_.retry_delay);
  }
  // A directory that is wrong about this must not make anybody a service.
  if (answer->kind != CallerKind::kToken || IsNobody(*answer) ||
      IsServiceRole(answer->role) || answer->principal.empty()) {
    return Refuse(knock, *answer, AuthFailure::kBadToken,
                  absl::UnauthenticatedError(absl::StrCat(
                      "the bearer token has role ", RoleName(answer->role),
                      ", allowed are reader, backup, operator and admin")));
  }
  return answer;
}

absl::Status AccessGate::CheckRole(const Knock& knock,
                                   const AuthorizationRow& row,
                                   const Caller& caller) {
  if (row.roles.Contains(caller.role)) return absl::OkStatus();
  return Refuse(knock, caller,
                IsServiceRole(caller.role) ? AuthFailure::kWrongService
                                           : AuthFailure::kWrongRole,
                absl::PermissionDeniedError(absl::StrCat(
                    "caller ", caller.principal, " with role ",
                    RoleName(caller.role), " may not call ", knock.method)));
}

absl::Status AccessGate::CheckRequest(
    const Knock& knock, const AuthorizationRow& row, const Caller& caller,
    const google::protobuf::Message* request) {
  absl::Status status = CheckScope(row.scope, caller.scope, request);
  if (status.ok()) return status;
  return Refuse(knock, caller, AuthFailure::kWrongScope, std::move(status));
}

void AccessGate::NoteHandled(const Knock& knock, const Caller& caller,
                             const absl::Status& status) {
  if (!absl::IsPermissionDenied(status)) return;
  if (HasReason(status, reason::kOutOfScope)) {
    (void)Refuse(knock, caller, AuthFailure::kWrongScope, status);
  } else if (HasReason(status, reason::kNotOwner)) {
    (void)Refuse(knock, caller, AuthFailure::kNotOwner, status);
  }
}

}  // namespace cairn
