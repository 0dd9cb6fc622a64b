#include "services/maintenance/engine/token_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/token/token_reasons.h"
#include "common/token/token_text.h"
#include "services/maintenance/engine/page_position.h"

namespace cairn::maintenance {
namespace {

constexpr size_t kIdBytes = 16;

// Who is limited to some of the names would get rid of the limit by a token.
absl::Status CheckNoScope(const Call& call) {
  if (call.caller.scope.empty()) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      "caller ", call.caller.principal, " is limited to ", call.caller.scope,
      ", tokens are for administrators of everything"));
}

absl::StatusOr<Uuid> NewId(const SecretSource& secrets) {
  ASSIGN_OR_RETURN(const std::string bytes, secrets(kIdBytes));
  return Uuid::FromBytes(bytes);
}

absl::Status Exists(const Token& token, std::string_view why) {
  return WithReason(
      absl::AlreadyExistsError(absl::StrCat(
          "token ", token.name, " (id ", FormatTokenId(token.id), ") ", why)),
      reason::kTokenExists);
}

PagePosition PositionOf(const Token& token) {
  return {token.create_time, token.id};
}

}  // namespace

absl::StatusOr<std::unique_ptr<TokenBook>> TokenBook::Open(
    const Options& options, const Dependencies& dependencies) {
  std::unique_ptr<TokenBook> book(new TokenBook(options, dependencies));
  ASSIGN_OR_RETURN(std::vector<Token> stored, dependencies.store->Load());
  ASSIGN_OR_RETURN(std::string life, dependencies.secrets(kIdBytes));
  absl::MutexLock lock(&book->mutex_);
  book->life_ = std::move(life);
  for (Token& token : stored) {
    const Uuid id = token.id;
    book->tokens_.emplace(id, std::move(token));
  }
  book->Publish();
  return book;
}

// To the nanosecond, as rows keep it.
absl::Time TokenBook::Now() const {
  return absl::FromUnixNanos(absl::ToUnixNanos(dependencies_.clock->Now()));
}

const Token* TokenBook::FindActive(const std::string& name,
                                   absl::Time now) const {
  for (const auto& [id, token] : tokens_) {
    if (token.name == name && TokenStateAt(token, now) == TokenState::kActive) {
      return &token;
    }
  }
  return nullptr;
}

absl::Status TokenBook::CheckRoom(const TokenRequest& request,
                                  absl::Time now) const {
  size_t active = 0;
  for (const auto& [id, token] : tokens_) {
    if (token.request_id == request.request_id) {
      return Exists(token,
                    "was made by this request, its text was told once and is "
                    "kept nowhere; if it is lost, revoke the token and create "
                    "another with a new request id");
    }
    active += TokenStateAt(token, now) == TokenState::kActive ? 1 : 0;
  }
  if (const Token* token = FindActive(request.name, now)) {
    return Exists(*token,
                  "is active and has this name; revoke it first, or choose "
                  "another name");
  }
  if (active < options_.max_active) return absl::OkStatus();
  return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                        "there are ", active,
                        " active tokens, which is the limit; revoke those that "
                        "are not needed")),
                    reason::kLimitExceeded);
}

absl::StatusOr<CreatedToken> TokenBook::Create(const Call& call,
                                               const TokenRequest& request) {
  RETURN_IF_ERROR(CheckNoScope(call));
  RETURN_IF_ERROR(ValidateTokenRequest(request));
  ASSIGN_OR_RETURN(const Uuid id, NewId(dependencies_.secrets));
  ASSIGN_OR_RETURN(const std::string secret,
                   dependencies_.secrets(kTokenSecretBytes));
  absl::MutexLock lock(&mutex_);
  const absl::Time now = Now();
  RETURN_IF_ERROR(CheckRoom(request, now));
  const Token token = MakeToken(request, id, HashTokenSecret(secret), now);
  RETURN_IF_ERROR(Save(token, /*is_new=*/true, now));
  LOG(INFO) << "token created id=" << FormatTokenId(id)
            << " name=" << token.name << " role=" << TokenRoleName(token.role)
            << " scope=" << token.scope
            << " expires=" << absl::FormatTime(token.expire_time)
            << " caller=" << call.caller.principal;
  return CreatedToken{.view = {.token = token},
                      .text = FormatTokenText(id, secret)};
}

absl::StatusOr<const Token*> TokenBook::Select(const TokenSelector& selector,
                                               absl::Time now) const {
  const Token* found = nullptr;
  if (selector.id.has_value()) {
    const auto at = tokens_.find(*selector.id);
    if (at != tokens_.end()) found = &at->second;
  } else {
    found = FindActive(selector.name, now);
  }
  if (found == nullptr && !selector.id.has_value()) {
    for (const auto& [id, token] : tokens_) {
      if (token.name != selector.name) continue;
      if (found == nullptr || found->create_time < token.create_time) {
        found = &token;
      }
    }
  }
  if (found != nullptr) return found;
  return WithReason(
      absl::NotFoundError(absl::StrCat(
          "token ",
          selector.id.has_value() ? FormatTokenId(*selector.id) : selector.name,
          " is not known, or it ended so long ago that it is not listed")),
      reason::kTokenUnknown);
}

absl::StatusOr<TokenView> TokenBook::Revoke(const Call& call,
                                            const TokenSelector& selector) {
  RETURN_IF_ERROR(CheckNoScope(call));
  absl::MutexLock lock(&mutex_);
  const absl::Time now = Now();
  ASSIGN_OR_RETURN(const Token* const found, Select(selector, now));
  Token token = *found;
  if (!token.revoke_time.has_value()) {
    token.revoke_time = now;
    RETURN_IF_ERROR(Save(token, /*is_new=*/false, now));
    LOG(INFO) << "token revoked id=" << FormatTokenId(token.id)
              << " name=" << token.name << " caller=" << call.caller.principal;
  }
  return TokenView{.token = token, .state = TokenState::kRevoked};
}

absl::Status TokenBook::Save(const Token& changed, bool is_new,
                             absl::Time now) {
  std::vector<const Token*> all = {&changed};
  for (const auto& [id, token] : tokens_) {
    if (id != changed.id) all.push_back(&token);
  }
  const std::vector<Uuid> dropped = TokensToDrop(all, options_.retention, now);
  TokenBatch batch = dependencies_.store->NewBatch();
  if (is_new) batch.HoldAtGate();
  batch.Put(changed);
  for (const Uuid& id : dropped) batch.Remove(id);
  RETURN_IF_ERROR(dependencies_.store->Commit(batch));
  tokens_.insert_or_assign(changed.id, changed);
  for (const Uuid& id : dropped) tokens_.erase(id);
  Publish();
  return absl::OkStatus();
}

void TokenBook::Publish() {
  ++changes_;
  auto next = std::make_shared<Published>();
  next->version = absl::StrCat(life_, changes_);
  for (const auto& [id, token] : tokens_) {
    // What is expired is told by its time, wherever it is looked at.
    if (token.revoke_time.has_value()) continue;
    next->entries.push_back(ToEntry(token));
  }
  next->table = TokenTable(next->entries);
  absl::MutexLock lock(&published_mutex_);
  published_ = std::move(next);
}

std::shared_ptr<const TokenBook::Published> TokenBook::published() const {
  absl::MutexLock lock(&published_mutex_);
  return published_;
}

absl::StatusOr<ListPage<TokenView>> TokenBook::List(
    const Call& call, bool active_only, const PageRequest& page) const {
  RETURN_IF_ERROR(CheckNoScope(call));
  ASSIGN_OR_RETURN(const std::optional<PagePosition> after,
                   ParsePageToken(page.page_token));
  absl::MutexLock lock(&mutex_);
  const absl::Time now = Now();
  std::vector<const Token*> found;
  for (const auto& [id, token] : tokens_) {
    if (active_only && TokenStateAt(token, now) != TokenState::kActive) {
      continue;
    }
    if (after.has_value() && PositionOf(token) >= *after) continue;
    found.push_back(&token);
  }
  std::sort(found.begin(), found.end(), [](const Token* a, const Token* b) {
    return PositionOf(*a) > PositionOf(*b);
  });
  ListPage<TokenView> result;
  for (const Token* token : found) {
    if (result.items.size() == PageSizeOf(page)) {
      result.next_page_token =
          FormatPageToken(PositionOf(result.items.back().token));
      break;
    }
    result.items.push_back(
        {.token = *token, .state = TokenStateAt(*token, now)});
  }
  return result;
}

absl::StatusOr<Caller> TokenBook::Find(std::string_view text) const {
  const std::optional<TokenProof> proof = ParseTokenText(text);
  if (!proof.has_value()) return UnknownTokenError();
  return published()->table.Find(*proof, dependencies_.clock->Now());
}

absl::StatusOr<TokenPage> TokenBook::Read(std::string_view known_version,
                                          std::string_view page_token) const {
  const std::shared_ptr<const Published> now = published();
  TokenPage page = {.copy = {.version = now->version}};
  if (page_token.empty() && known_version == now->version) {
    page.copy.unchanged = true;
    return page;
  }
  ASSIGN_OR_RETURN(const size_t from, ParseTablePosition(page_token, *now));
  const size_t to =
      std::min(now->entries.size(), from + options_.entries_per_page);
  page.copy.entries.assign(now->entries.begin() + from,
                           now->entries.begin() + to);
  if (to < now->entries.size()) {
    page.next_page_token = absl::StrCat(now->version, "/", to);
  }
  return page;
}

absl::StatusOr<size_t> TokenBook::ParseTablePosition(
    std::string_view page_token, const Published& now) {
  if (page_token.empty()) return 0;
  const std::string prefix = absl::StrCat(now.version, "/");
  uint32_t position = 0;
  if (!page_token.starts_with(prefix) ||
      !absl::SimpleAtoi(page_token.substr(prefix.size()), &position) ||
      position > now.entries.size()) {
    return absl::AbortedError(
        "tokens have changed since the first page, begin again");
  }
  return position;
}

size_t TokenBook::Count(TokenState state) const {
  absl::MutexLock lock(&mutex_);
  const absl::Time now = Now();
  return static_cast<size_t>(
      std::count_if(tokens_.begin(), tokens_.end(), [&](const auto& entry) {
        return TokenStateAt(entry.second, now) == state;
      }));
}

}  // namespace cairn::maintenance
