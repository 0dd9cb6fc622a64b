#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/model/uuid.h"
#include "common/random/secret_bytes.h"
#include "common/time/clock.h"
#include "common/token/token_table.h"
#include "services/maintenance/client/token_client.h"
#include "services/maintenance/domain/token_rules.h"
#include "services/maintenance/storage/token_store.h"

namespace cairn::maintenance {

// A token, and what it is now.
struct TokenView {
  Token token;
  TokenState state = TokenState::kActive;
};
struct CreatedToken {
  TokenView view;
  std::string text;  // secret; kept nowhere
};
// A part of what TokenClient::ReadTokens gives.
struct TokenPage {
  TokenCopy copy;
  std::string next_page_token;  // empty: there is no more
};
// Names one token: by its id, or by the name that an active one has (else the
// one that was created last).
struct TokenSelector {
  std::optional<Uuid> id;
  std::string name;
};

// The bearer tokens of a deployment. What was answered is durable, and what
// Find tells is what was answered. Thread-safe.
class TokenBook {
 public:
  struct Options {
    size_t max_active = kMaxActiveTokens;
    TokenRetention retention;
    size_t entries_per_page = 1000;  // of Read
  };
  // All outlive the book.
  struct Dependencies {
    const Clock* clock = nullptr;
    TokenStore* store = nullptr;
    SecretSource secrets;
  };

  // DataLoss: a row that cannot be read.
  static absl::StatusOr<std::unique_ptr<TokenBook>> Open(
      const Options& options, const Dependencies& dependencies);

  // The methods of people. PermissionDenied: the caller has a scope.

  // AlreadyExists (TOKEN_EXISTS), InvalidArgument, ResourceExhausted
  // (LIMIT_EXCEEDED, STORAGE_FULL).
  absl::StatusOr<CreatedToken> Create(const Call& call,
                                      const TokenRequest& request);
  // NotFound (TOKEN_UNKNOWN).
  absl::StatusOr<TokenView> Revoke(const Call& call,
                                   const TokenSelector& selector);
  // Newest first.
  absl::StatusOr<ListPage<TokenView>> List(const Call& call, bool active_only,
                                           const PageRequest& page) const;

  // Who stands behind a token: as TokenDirectory::Find, at once. Waits for
  // nobody, not even for a change that is being synced.
  absl::StatusOr<Caller> Find(std::string_view text) const;

  // For other services: the tokens that are not revoked, page by page, unless
  // `known_version` is what they have. Versions of two books, or of a book that
  // was opened anew, differ. Aborted: the tokens are others than those that
  // `page_token` goes on with.
  absl::StatusOr<TokenPage> Read(std::string_view known_version,
                                 std::string_view page_token) const;

  // How many there are of a state now.
  size_t Count(TokenState state) const;

 private:
  struct Published {
    std::string version;
    std::vector<TokenEntry> entries;
    TokenTable table;
  };

  TokenBook(const Options& options, Dependencies dependencies)
      : options_(options), dependencies_(std::move(dependencies)) {}

  // The index of the first entry that a page token goes on with.
  static absl::StatusOr<size_t> ParseTablePosition(std::string_view page_token,
                                                   const Published& now);

  absl::Time Now() const;
  const Token* FindActive(const std::string& name, absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckRoom(const TokenRequest& request, absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<const Token*> Select(const TokenSelector& selector,
                                      absl::Time now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes `changed` durable, and drops what has ended long ago.
  absl::Status Save(const Token& changed, bool is_new, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<const Published> published() const;

  const Options options_;
  const Dependencies dependencies_;

  // Held while a change is synced.
  mutable absl::Mutex mutex_;
  std::map<Uuid, Token> tokens_ ABSL_GUARDED_BY(mutex_);
  std::string life_ ABSL_GUARDED_BY(mutex_);  // random, of this opening
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;

  mutable absl::Mutex published_mutex_;
  std::shared_ptr<const Published> published_ ABSL_GUARDED_BY(published_mutex_);
};

}  // namespace cairn::maintenance
